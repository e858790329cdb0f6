-- Grain: sku. What of a SKU can be ordered, all supply channels together.
with inventory as (
    select * from {{ ref('stg_commercetools__inventory') }}
),

summed as (
    select
        sku,
        cast(sum(available_quantity) as bigint) as available_quantity
    from inventory
    group by sku
)

select * from summed
