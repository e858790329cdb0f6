-- Grain: payment_id, transaction_id.
with payments as (
    select * from {{ ref('base_commercetools__payments') }}
    where rejection_reason is null
),

transactions as (
    select
        payments.payment_id,
        entries.txn.id as transaction_id,
        {{ status_word('entries.txn.type') }} as transaction_type,
        {{ status_word('entries.txn.state') }} as transaction_status,
        {{ money_minor('entries.txn.amount') }} as amount_minor,
        cast(entries.txn.amount.fractionDigits as integer) as fraction_digits,
        entries.txn.amount.currencyCode as currency_code,
        {{ try_ts_from_iso('entries.txn.timestamp') }} as transacted_at,
        payments.last_modified_at
    from payments
    cross join {{ list_each('payments.transactions', 'entries', 'txn') }}
)

select * from transactions
