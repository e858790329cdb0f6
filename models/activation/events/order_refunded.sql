-- Grain: event_id. Money went back to the customer: one event per successful refund
-- transaction, partial or full.
with refunds as (
    select * from {{ ref('refunds') }}
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
        {{ fact_id('order_refunded', ['refunds.payment_id', 'refunds.transaction_id']) }}
            as event_id,
        refunds.refund_id,
        orders.order_id,
        orders.order_number,
        refunds.refund_amount,
        refunds.is_full as is_full_refund,
        orders.order_total,
        orders.ordered_at,
        {{ event_envelope(
            'orders', 'payment', 'refunds.payment_id', 'null', 'refunds.refunded_at',
            'greatest(refunds.source_modified_at, orders.source_modified_at)', campaign='orders',
            currency='refunds.currency_code'
        ) }}
    from refunds
    inner join orders on refunds.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
)

select * from events
