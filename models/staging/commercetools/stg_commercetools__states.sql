-- Keys of workflow states, by which people know them; orders name ids.
with source as (
    select * from {{ source('raw', 'states') }}
),

renamed as (
    select
        id as state_id,
        coalesce({{ json_open('document', {'key': 'text'}) }}.key, id) as state_key
    from source
)

select * from renamed
