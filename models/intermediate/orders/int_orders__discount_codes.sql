-- Grain: order_id. The codes of an order as they were typed in, in the sequence it lists them.
-- Codes that we may not read, or that commercetools no longer has, are left out.
with orders as (
    select * from {{ ref('int_orders__identified') }}
),

codes as (
    select * from {{ ref('stg_commercetools__discount_codes') }}
),

listed as (
    select
        orders.order_id,
        {{ list_agg_ordered('codes.discount_code', 'links.position') }} as discount_codes
    from orders
    cross join {{ list_each('orders.discount_code_ids', 'links', 'discount_code_id') }}
    inner join codes on links.discount_code_id = codes.discount_code_id
    group by orders.order_id
)

select * from listed
