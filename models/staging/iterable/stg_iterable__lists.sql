-- Grain: list_id. Lists of the Iterable project, whoever made them.
with source as (
    select * from {{ source('raw_iterable', 'lists') }}
),

renamed as (
    select
        cast(id as varchar) as list_id,
        name as list_name,
        list_type
    from source
)

select * from renamed
