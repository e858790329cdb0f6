-- What people type in at checkout; orders name ids.
with source as (
    select * from {{ source('raw', 'discount_codes') }}
),

renamed as (
    select
        id as discount_code_id,
        {{ json_open('document', {'code': 'text'}) }}.code as discount_code
    from source
)

select * from renamed
where discount_code is not null
