-- Grain: event_id. Somebody took a cart on the way to an order: it has a shipping address, a
-- shipping method or a payment. commercetools tells no such thing, so it is derived from the first
-- version of the cart that we read with one.
with periods as (
    select * from {{ ref('int_carts__idle_periods') }}
    where checkout_step is not null and cart_status = 'active' and not is_empty
),

carts as (
    select * from {{ ref('carts') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

-- of a cart that was on its way when we first saw it nobody knows since when: then it is as old as
-- the cart
steps as (
    select
        carts.cart_id,
        min(case when periods.is_first_seen then carts.created_at else periods.started_at end)
            as started_at,
        min_by(periods.checkout_step, periods.started_at) as checkout_step
    from periods
    inner join carts on periods.cart_id = carts.cart_id
    group by carts.cart_id
),

events as (
    select
        {{ fact_id('checkout_started', ['steps.cart_id']) }} as event_id,
        carts.cart_id,
        steps.checkout_step,
        true as is_derived,
        carts.cart_total,
        {{ list_map('carts.lines', 'line', commerce_item('line', 'carts')) }} as items,
        {{ event_envelope(
            'carts', 'cart', 'carts.cart_id', 'carts.cart_version', 'steps.started_at',
            'carts.source_modified_at', campaign='carts'
        ) }}
    from steps
    inner join carts on steps.cart_id = carts.cart_id
    inner join people on carts.profile_id = people.profile_id
)

select * from events
