-- Grain: event_id. An order went into the cancelled state. One authority per installation tells
-- (control.authority).
with status_changes as (
    select * from {{ ref('int_orders__status_changes') }}
    where to_status = 'cancelled'
),

orders as (
    select * from {{ ref('orders') }}
),

people as (
    select * from {{ ref('iterable_users') }}
),

cancelled as (
    select
        {{ fact_id('order_cancelled', [
            'status_changes.order_id', 'status_changes.from_status', 'status_changes.to_status',
            ts_iso('status_changes.changed_at')
        ]) }} as event_id,
        orders.profile_id,
        people.person_key,
        orders.order_id,
        orders.order_number,
        status_changes.from_status as previous_order_status,
        orders.order_total,
        orders.currency_code,
        orders.market_code,
        orders.store_key,
        orders.channel_key,
        orders.country_code,
        orders.locale,
        orders.ordered_at,
        status_changes.changed_at as occurred_at,
        orders.source_modified_at,
        people.is_test
    from status_changes
    inner join orders on status_changes.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
)

select * from cancelled
