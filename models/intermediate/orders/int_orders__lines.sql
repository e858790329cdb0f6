-- Grain: order_line_id. Lines of orders with the words for their products.
with lines as (
    select * from {{ ref('stg_commercetools__order_lines') }}
),

orders as (
    select * from {{ ref('int_orders__identified') }}
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
        lines.order_id || '-' || lines.line_id as order_line_id,
        lines.order_id,
        {{ described_line('orders') }}
    from lines
    inner join orders on lines.order_id = orders.order_id
    left join products on lines.product_id = products.product_id
    left join category_lists on lines.product_id = category_lists.product_id
    left join markets on orders.market_code = markets.market_code
    cross join defaults
)

select * from described
