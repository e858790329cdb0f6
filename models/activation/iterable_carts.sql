-- Grain: person_key. The cart Iterable should show: the current one of each person with an
-- address. A person without a row has none; the diff empties what was delivered before.
with carts as (
    select * from {{ ref('carts') }}
    where is_current
),

people as (
    select * from {{ ref('iterable_users') }}
    where should_exist
),

shown as (
    select
        people.person_key,
        carts.cart_id,
        carts.profile_id,
        {{ list_map('carts.lines', 'line', commerce_item('line', 'carts')) }} as items,
        carts.cart_total,
        carts.currency_code,
        carts.market_code,
        carts.store_key,
        carts.channel_key,
        carts.locale,
        carts.source_modified_at,
        people.is_test
    from carts
    inner join people on carts.profile_id = people.profile_id
),

fingerprinted as (
    select
        *,
        {{ row_fingerprint([('items', 'string[]', items_canonical('items'))]) }} as fingerprint
    from shown
    where {{ list_size('items') }} > 0
)

select * from fingerprinted
