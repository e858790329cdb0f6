{{ config(materialized='table') }}
-- Messages, opened once, of the types that models read. A message lasts 15 days at commercetools;
-- here it stays.
with source as (
    select * from {{ source('raw', 'messages') }}
),

opened as (
    select
        id,
        version,
        created_at,
        loaded_at,
        {{ json_open('document', {
            'type': 'text',
            'resource': {'id': 'text'},
            'orderState': 'text',
            'oldOrderState': 'text'
        }) }} as doc
    from source
),

renamed as (
    select
        id as message_id,
        version,
        doc.type as message_type,
        doc.resource.id as resource_id,
        {{ status_word('doc.orderState') }} as to_status,
        {{ status_word('doc.oldOrderState') }} as from_status,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc.type is null then 'type is missing'
            when doc.resource.id is null then 'resource.id is missing'
            when doc.type = 'OrderStateChanged' and doc.orderState is null
                then 'orderState is missing'
        end as rejection_reason
    from opened
    where doc.type is null or doc.type in (
        'OrderStateChanged', 'OrderDeleted', 'CustomerDeleted'
    )
)

select * from renamed
