-- Grain: cart_id, line_number. Lines of carts with the words for their products.
with lines as (
    select * from {{ ref('stg_commercetools__cart_lines') }}
),

carts as (
    select * from {{ ref('int_carts__identified') }}
),

products as (
    select * from {{ ref('stg_commercetools__products') }}
),

category_lists as (
    select * from {{ ref('int_products__category_lists') }}
),

markets as (
    select * from {{ ref('markets') }}
),

defaults as (
    select * from {{ ref('markets') }}
    where is_default
),

described as (
    select
        lines.cart_id,
        {{ described_line('carts') }}
    from lines
    inner join carts on lines.cart_id = carts.cart_id
    left join products on lines.product_id = products.product_id
    left join category_lists on lines.product_id = category_lists.product_id
    left join markets on carts.market_code = markets.market_code
    cross join defaults
)

select * from described
