-- Grain: event_id. Goods came back, or were announced to: one event per return item and
-- state, as commercetools keeps it on the order.
with returns as (
    select * from {{ ref('stg_commercetools__return_items') }}
),

orders as (
    select * from {{ ref('orders') }}
),

lines as (
    select * from {{ ref('order_lines') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('order_returned', [
            'returns.order_id', 'returns.return_item_id', 'returns.return_status'
        ]) }} as event_id,
        orders.order_id,
        orders.order_number,
        returns.return_item_id,
        returns.return_status,
        orders.order_total,
        orders.ordered_at,
        case
            when lines.order_id is not null
                then [{{ commerce_item('lines', 'orders', 'returns.quantity') }}]
            else []
        end as items,
        {{ event_envelope(
            'orders', 'order', 'orders.order_id', 'orders.order_version', 'returns.changed_at',
            'orders.source_modified_at', campaign='orders'
        ) }}
    from returns
    inner join orders on returns.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
    left join lines on returns.order_id || '-' || returns.line_id = lines.order_line_id
)

select * from events
