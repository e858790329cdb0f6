-- Grain: event_id. Somebody took a cart on the way to an order: it has a shipping
-- address, a shipping method or a payment. commercetools tells no such thing, so it is derived from the
-- first version of the cart that we read with one.
with steps as (
    select
        cart_id,
        min(started_at) as started_at,
        min_by(checkout_step, started_at) as checkout_step
    from {{ ref('int_carts__idle_periods') }}
    where checkout_step is not null and cart_status = 'active' and not is_empty
    group by cart_id
),

carts as (
    select * from {{ ref('carts') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('checkout_started', ['steps.cart_id']) }} as event_id,
        carts.cart_id,
        steps.checkout_step,
        true as is_derived,
        carts.cart_total,
        {{ list_map('carts.lines', 'line', commerce_item('line', 'carts')) }} as items,
        {{ event_envelope('carts', 'cart', 'carts.cart_id', 'carts.cart_version', 'steps.started_at', 'carts.source_modified_at', campaign='carts') }}
    from steps
    inner join carts on steps.cart_id = carts.cart_id
    inner join people on carts.profile_id = people.profile_id
)

select * from events
