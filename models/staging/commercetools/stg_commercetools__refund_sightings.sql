-- Grain: payment_id, transaction_id. When a successful refund was first seen: dates a refund that
-- carries no timestamp, so that a later touch of the payment does not move it. A transaction stays
-- in its payment for ever, so only payments that have one now are looked through.
with refunded as (
    select payment_id
    from {{ ref('base_commercetools__payments') }}
    where {{ list_any('transactions', 'txn', "txn.type = 'Refund' and txn.state = 'Success'") }}
),

history as (
    select * from {{ source('raw', 'payments_history') }}
    where id in (select refunded.payment_id from refunded)
),

opened as (
    select
        id as payment_id,
        last_modified_at,
        {{ json_open('document', {
            'transactions': [{'id': 'text', 'type': 'text', 'state': 'text'}]
        }) }} as doc
    from history
),

sightings as (
    select
        opened.payment_id,
        entries.txn.id as transaction_id,
        {{ ts_utc('min(opened.last_modified_at)') }} as first_seen_at
    from opened
    cross join {{ list_each('opened.doc.transactions', 'entries', 'txn') }}
    where entries.txn.type = 'Refund' and entries.txn.state = 'Success'
    group by opened.payment_id, entries.txn.id
)

select * from sightings
