-- Grain: cart_id, line_number. Line items of readable carts; custom line items (fees, vouchers) are
-- no products.
with carts as (
    select * from {{ ref('base_commercetools__carts') }}
    where rejection_reason is null
),

lines as (
    select
        carts.cart_id,
        line_items.position as line_number,
        {{ line_item_columns('line_items.line') }}
    from carts
    cross join {{ list_each('carts.lines', 'line_items', 'line') }}
)

select * from lines
