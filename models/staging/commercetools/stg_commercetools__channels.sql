-- Keys of channels, by which people know them; documents elsewhere name ids.
with source as (
    select * from {{ source('raw', 'channels') }}
),

renamed as (
    select
        id as channel_id,
        coalesce({{ json_open('document', {'key': 'text'}) }}.key, id) as channel_key
    from source
)

select * from renamed
