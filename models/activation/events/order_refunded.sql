-- Grain: event_id. Money went back to the customer: one event per successful refund transaction,
-- partial or full.
with refunds as (
    select * from {{ ref('refunds') }}
),

orders as (
    select * from {{ ref('orders') }}
),

people as (
    select * from {{ ref('iterable_users') }}
),

refunded as (
    select
        {{ fact_id('order_refunded', ['refunds.payment_id', 'refunds.transaction_id']) }}
            as event_id,
        refunds.refund_id,
        orders.profile_id,
        people.person_key,
        orders.order_id,
        orders.order_number,
        refunds.refund_amount,
        refunds.is_full as is_full_refund,
        orders.order_total,
        refunds.currency_code,
        orders.market_code,
        orders.store_key,
        orders.channel_key,
        orders.country_code,
        orders.locale,
        orders.ordered_at,
        refunds.refunded_at as occurred_at,
        greatest(refunds.source_modified_at, orders.source_modified_at) as source_modified_at,
        people.is_test
    from refunds
    inner join orders on refunds.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
)

select * from refunded
