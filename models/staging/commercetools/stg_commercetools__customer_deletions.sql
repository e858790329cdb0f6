-- Grain: customer_id. Customers that commercetools deleted: what we have of them is to be erased.
with deletions as (
    select * from {{ ref('stg_commercetools__deletions') }}
    where resource = 'customers'
),

renamed as (
    select
        id as customer_id,
        deleted_at,
        learned_by
    from deletions
)

select * from renamed
