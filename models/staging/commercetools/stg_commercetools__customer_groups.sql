-- Keys of customer groups, by which people know them; documents elsewhere name ids.
with source as (
    select * from {{ source('raw', 'customer_groups') }}
),

renamed as (
    select
        id as customer_group_id,
        coalesce({{ json_open('document', {'key': 'text'}) }}.key, id) as customer_group_key
    from source
)

select * from renamed
