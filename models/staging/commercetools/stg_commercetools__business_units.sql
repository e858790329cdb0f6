-- Companies and divisions that buy, by the key that orders name.
with source as (
    select * from {{ source('raw', 'business_units') }}
),

opened as (
    select {{ json_open('document', {'key': 'text', 'name': 'text'}) }} as doc
    from source
),

renamed as (
    select
        doc.key as business_unit_key,
        doc.name as business_unit_name
    from opened
    where doc.key is not null
)

select * from renamed
