{{ config(materialized='table') }}
-- Grain: product_id, category_key. The most specific categories of a product. Names are in the
-- project's default language for everyone: one category has one name in every segment.
with products as (
    select * from {{ ref('stg_commercetools__products') }}
),

defaults as (
    select * from {{ ref('markets') }}
    where is_default
),

categories as (
    select
        categories.category_id,
        categories.category_key,
        categories.ancestor_ids,
        coalesce({{ project_localized('categories.category_names') }}, categories.category_key)
            as category_name
    from {{ ref('stg_commercetools__categories') }} as categories
    cross join defaults
),

ancestors as (
    select
        categories.category_id,
        {{ string_agg_ordered('parents.category_name', "' > '", 'path.position') }} as path
    from categories
    cross join {{ list_each('categories.ancestor_ids', 'path', 'ancestor_id') }}
    inner join categories as parents on path.ancestor_id = parents.category_id
    group by categories.category_id
),

assigned as (
    select
        products.product_id,
        categories.category_id,
        categories.category_key,
        categories.category_name,
        categories.ancestor_ids,
        coalesce(ancestors.path || ' > ', '') || categories.category_name as breadcrumb
    from products
    cross join {{ list_each('products.category_ids', 'links', 'category_id') }}
    inner join categories on links.category_id = categories.category_id
    left join ancestors on categories.category_id = ancestors.category_id
),

most_specific as (
    select
        product_id,
        category_key,
        category_name,
        breadcrumb
    from assigned
    where not exists (
        select 1 from assigned as others
        where
            others.product_id = assigned.product_id
            and {{ list_has('others.ancestor_ids', 'assigned.category_id') }}
    )
)

select * from most_specific
