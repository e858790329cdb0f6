-- Grain: event_id. Lines or addresses of an order changed after it was placed. The
-- items are those the order has now.
with changes as (
    select * from {{ ref('int_orders__content_changes') }}
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

items as (
    select
        orders.order_id,
        {{ list_agg_ordered(commerce_item('lines', 'orders'), 'lines.line_number') }} as items
    from orders
    inner join lines on orders.order_id = lines.order_id
    where
        orders.order_id in (
            select changes.order_id
            from changes
            where {{ may_be_sent('order_updated', 'changes.changed_at') }}
        )
    group by orders.order_id
),

events as (
    select
        {{ fact_id('order_updated', ['changes.order_id', 'changes.content_key']) }} as event_id,
        orders.order_id,
        orders.order_number,
        changes.are_lines_changed,
        changes.is_address_changed,
        orders.order_total,
        orders.ordered_at,
        coalesce(items.items, []) as items,
        {{ event_envelope(
            'orders', 'order', 'orders.order_id', 'orders.order_version', 'changes.changed_at',
            'orders.source_modified_at', campaign='orders'
        ) }}
    from changes
    inner join orders on changes.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
    left join items on changes.order_id = items.order_id
)

select * from events
