-- Grain: view_id. Views of products as a storefront's own feed writes them; nobody else does.
with source as (
    select * from {{ source('raw_storefront', 'product_views') }}
),

renamed as (
    select
        view_id,
        {{ person_subject('customer_id', 'email') }} as person_subject,
        product_id,
        {{ ts_utc('viewed_at') }} as viewed_at
    from source
    where view_id is not null and viewed_at is not null
)

select * from renamed
