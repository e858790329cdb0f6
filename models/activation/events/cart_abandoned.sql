-- Grain: event_id. A cart was left alone as long as a stage says. It falls due by time,
-- once per content and stage; a cart that was ordered, emptied, merged or changed is none.
with abandonments as (
    select * from {{ ref('int_carts__abandonments') }}
    where is_left_alone and due_at <= {{ as_of() }}
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
        {{ fact_id('cart_abandoned', [
            'abandonments.cart_id', 'abandonments.content_key', 'abandonments.stage'
        ]) }} as event_id,
        carts.cart_id,
        abandonments.stage,
        cast(abandonments.idle_minutes as bigint) as idle_minutes,
        abandonments.idle_since,
        abandonments.due_at,
        carts.cart_total,
        {{ list_map('carts.lines', 'line', commerce_item('line', 'carts')) }} as items,
        {{ event_envelope(
            'carts', 'cart', 'carts.cart_id', 'carts.cart_version', 'abandonments.due_at',
            'abandonments.due_at', campaign='carts'
        ) }}
    from abandonments
    inner join carts on abandonments.cart_id = carts.cart_id
    inner join people on carts.profile_id = people.profile_id
)

select * from events
