with products as (
    select * from {{ ref('stg_commercetools__products') }}
),

category_lists as (
    select * from {{ ref('int_products__category_lists') }}
),

product_types as (
    select * from {{ ref('stg_commercetools__product_types') }}
),

stock as (
    select * from {{ ref('int_products__stock') }}
),

deletions as (
    select * from {{ ref('stg_commercetools__deletions') }}
    where resource = 'product_projections'
),

content_changes as (
    select * from {{ ref('stg_commercetools__content_changes') }}
    where resource = 'product_projections'
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
        coalesce(content_changes.content_changed_at, products.last_modified_at)
            as source_modified_at,
        product_types.product_type_key,
        stock.available_quantity,
        stock.available_quantity > 0 as is_on_stock,
        deletions.id is not null as is_deleted
    from products
    left join category_lists on products.product_id = category_lists.product_id
    left join content_changes on products.product_id = content_changes.id
    left join product_types on products.product_type_id = product_types.product_type_id
    left join stock on products.sku = stock.sku
    left join deletions on products.product_id = deletions.id
    cross join defaults
)

select * from final
