-- Grain: order_id, line_number. Line items of readable orders; custom line items (fees, vouchers)
-- are no products.
with orders as (
    select * from {{ ref('base_commercetools__orders') }}
    where rejection_reason is null
),

lines as (
    select
        orders.order_id,
        line_items.position as line_number,
        {{ line_item_columns('line_items.line') }}
    from orders
    cross join {{ list_each('orders.lines', 'line_items', 'line') }}
)

select * from lines
