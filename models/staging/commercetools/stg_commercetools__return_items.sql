-- Grain: order_id, return_item_id. Goods that came back, or were announced to.
with orders as (
    select * from {{ ref('stg_commercetools__orders') }}
    where {{ list_size('returns') }} > 0
),

boxes as (
    select
        orders.order_id,
        entries.box.items
    from orders
    cross join {{ list_each('orders.returns', 'entries', 'box') }}
),

items as (
    select
        boxes.order_id,
        entries.item.id as return_item_id,
        entries.item.lineItemId as line_id,
        entries.item.quantity,
        {{ status_word('entries.item.shipmentState') }} as return_status,
        coalesce(
            {{ try_ts_from_iso('entries.item.lastModifiedAt') }},
            {{ try_ts_from_iso('entries.item.createdAt') }}
        ) as changed_at
    from boxes
    cross join {{ list_each('boxes.items', 'entries', 'item') }}
    where
        entries.item.id is not null
        and coalesce(entries.item.lastModifiedAt, entries.item.createdAt) is not null
)

select * from items
