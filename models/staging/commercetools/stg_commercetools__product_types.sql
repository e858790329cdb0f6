-- Keys of product types, by which people know them; products name ids.
with source as (
    select * from {{ source('raw', 'product_types') }}
),

renamed as (
    select
        id as product_type_id,
        coalesce({{ json_open('document', {'key': 'text'}) }}.key, id) as product_type_key
    from source
)

select * from renamed
