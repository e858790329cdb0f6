-- Grain: list_id, identifier. Who was on a list at first sight of it, by user id or folded address.
with source as (
    select * from {{ source('raw_iterable', 'list_members') }}
),

renamed as (
    select
        cast(list_id as varchar) as list_id,
        identifier as user_id,
        {{ fold_email('identifier') }} as email
    from source
)

select * from renamed
