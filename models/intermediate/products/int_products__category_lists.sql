-- Grain: product_id. Categories of a product as lists, in the order of their breadcrumbs.
with categories as (
    select * from {{ ref('int_products__categories') }}
),

listed as (
    select
        product_id,
        {{ list_agg_ordered('category_key', 'breadcrumb, category_key') }} as category_keys,
        {{ list_agg_ordered('breadcrumb', 'breadcrumb, category_key') }} as category_breadcrumbs
    from categories
    group by product_id
)

select * from listed
