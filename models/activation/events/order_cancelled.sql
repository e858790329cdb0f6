-- Grain: event_id. An order went into the cancelled state. One authority per
-- installation tells (control.authority).
with status_changes as (
    select * from {{ ref('int_orders__status_changes') }}
    where
        status_type = 'order'
        and to_status = 'cancelled'
        and authority = {{ authority_of('order_cancelled') }}
),

orders as (
    select * from {{ ref('orders') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('order_cancelled', [
            'status_changes.order_id', 'status_changes.from_status', 'status_changes.to_status',
            ts_iso('status_changes.changed_at')
        ]) }} as event_id,
        orders.order_id,
        orders.order_number,
        status_changes.from_status as previous_order_status,
        orders.order_total,
        orders.ordered_at,
        {{ event_envelope(
            'orders', 'order', 'orders.order_id', 'orders.order_version',
            'status_changes.changed_at', 'orders.source_modified_at', campaign='orders'
        ) }}
    from status_changes
    inner join orders on status_changes.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
)

select * from events
