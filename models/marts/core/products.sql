with products as (
    select * from {{ ref('stg_commercetools__products') }}
),

category_lists as (
    select * from {{ ref('int_products__category_lists') }}
),

defaults as (
    select * from {{ ref('markets') }}
    where is_default
),

final as (
    select
        products.product_id,
        products.product_key,
        products.sku,
        coalesce(
            {{ project_localized('products.product_names') }},
            products.product_key,
            products.product_id
        ) as product_name,
        coalesce(category_lists.category_keys, []) as category_keys,
        coalesce(category_lists.category_breadcrumbs, []) as category_breadcrumbs,
        products.image_url,
        products.last_modified_at as source_modified_at
    from products
    left join category_lists on products.product_id = category_lists.product_id
    cross join defaults
)

select * from final
