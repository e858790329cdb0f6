{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_vanished_versions(['payments'], 'payment_id') }}"
) }}
-- Grain: payment_id, version. The successful refunds that each version of a payment has, opened
-- once, when it comes.
with unopened as (
    {{ unopened_versions('payments', 'payment_id') }}
),

opened as (
    select
        id as payment_id,
        version,
        {{ json_open('document', {
            'transactions': [{'id': 'text', 'type': 'text', 'state': 'text'}]
        }) }} as doc,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from unopened
),

described as (
    select
        payment_id,
        version,
        {{ list_map(
            list_where('doc.transactions', 'txn', "txn.type = 'Refund' and txn.state = 'Success'"), 'txn', 'txn.id'
        ) }} as refund_ids,
        last_modified_at
    from opened
)

select * from described
