-- Grain: refund_id. Successful refund transactions and the order they pay back. Payments do not
-- name their order, orders name their payments; where two do, the older order has it, or the money
-- would count twice.
with transactions as (
    select * from {{ ref('stg_commercetools__payment_transactions') }}
    where transaction_type = 'refund' and transaction_status = 'success'
),

sightings as (
    select * from {{ ref('stg_commercetools__refund_sightings') }}
),

orders as (
    select * from {{ ref('int_orders__identified') }}
),

payments as (
    select
        links.payment_id,
        orders.order_id,
        orders.profile_id,
        orders.person_key,
        orders.currency_code as order_currency_code,
        orders.order_total_minor
    from orders
    cross join {{ list_each('orders.payment_ids', 'links', 'payment_id') }}
    qualify row_number() over (
        partition by links.payment_id order by orders.ordered_at asc, orders.order_id asc
    ) = 1
),

refunds as (
    select
        transactions.payment_id || '-' || transactions.transaction_id as refund_id,
        transactions.payment_id,
        transactions.transaction_id,
        payments.order_id,
        payments.profile_id,
        payments.person_key,
        transactions.amount_minor as refund_minor,
        transactions.fraction_digits,
        transactions.currency_code,
        transactions.currency_code = payments.order_currency_code as is_order_currency,
        payments.order_total_minor,
        coalesce(
            transactions.transacted_at, sightings.first_seen_at, transactions.last_modified_at
        ) as refunded_at,
        coalesce(sightings.first_seen_at, transactions.last_modified_at) as source_modified_at
    from transactions
    left join payments on transactions.payment_id = payments.payment_id
    left join sightings
        on
            transactions.payment_id = sightings.payment_id
            and transactions.transaction_id = sightings.transaction_id
),

accumulated as (
    select
        *,
        coalesce(
            is_order_currency and sum(refund_minor) over (
                partition by order_id, currency_code order by refunded_at asc, refund_id asc
            ) >= order_total_minor,
            false
        ) as is_full
    from refunds
)

select * from accumulated
