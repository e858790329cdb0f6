{{ config(
    materialized='incremental',
    unique_key='payment_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('payments', 'payment_id') }}"
) }}
-- Payments' documents, opened once. Rows with a rejection_reason go to rejected_documents and
-- nowhere else.
with source as (
    {{ unopened('payments', 'payment_id') }}
),

opened as (
    select
        id,
        version,
        last_modified_at,
        loaded_at,
        {{ json_open('document', {'transactions': [shape_transaction()]}) }} as doc
    from source
),

renamed as (
    select
        id as payment_id,
        version,
        doc.transactions,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc is null then 'the document is not a JSON object'
            when doc.transactions is null then 'transactions is missing or not a list'
            when {{ list_any(
                'doc.transactions', 'txn', 'txn.id is null or txn.type is null or txn.state is null'
            ) }}
                then 'a transaction has no id, type or state'
            when {{ list_any(
                'doc.transactions', 'txn', 'txn.amount.centAmount is null'
                ~ ' or txn.amount.currencyCode is null or txn.amount.fractionDigits is null'
            ) }} then 'a transaction has no readable amount'
            when {{ list_any(
                'doc.transactions', 'txn',
                'txn.timestamp is not null and ' ~ try_ts_from_iso('txn.timestamp') ~ ' is null'
            ) }} then 'the timestamp of a transaction is not a time'
        end as rejection_reason
    from opened
)

select * from renamed
