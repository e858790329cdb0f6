-- Grain: event_id. A cart that had been abandoned became an order.
with abandonments as (
    select * from {{ ref('int_carts__abandonments') }}
),

orders as (
    select * from {{ ref('orders') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

recovered as (
    select
        orders.order_id,
        max(abandonments.idle_since) as idle_since
    from orders
    inner join abandonments on orders.cart_id = abandonments.cart_id
    where abandonments.due_at <= orders.ordered_at
    group by orders.order_id
),

events as (
    select
        {{ fact_id('cart_recovered', ['orders.cart_id']) }} as event_id,
        orders.cart_id,
        orders.order_id,
        orders.order_number,
        cast({{ ts_minutes_between('recovered.idle_since', 'orders.ordered_at') }} as bigint)
            as minutes_to_recover,
        orders.order_total,
        orders.ordered_at,
        {{ event_envelope(
            'orders', 'cart', 'orders.cart_id', 'null', 'orders.ordered_at',
            'orders.source_modified_at', campaign='orders'
        ) }}
    from recovered
    inner join orders on recovered.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
)

select * from events
