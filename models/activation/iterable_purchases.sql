-- Grain: order_id. One purchase per counted order of a person with an address; sent once, whatever
-- becomes of the order.
with orders as (
    select * from {{ ref('orders') }}
    where is_counted
),

people as (
    select * from {{ ref('iterable_users') }}
),

lines as (
    select * from {{ ref('order_lines') }}
),

purchased as (
    select
        orders.order_id,
        {{ fact_id('purchase', ['orders.order_id']) }} as purchase_id,
        orders.profile_id,
        people.person_key,
        orders.order_number,
        orders.order_total as total,
        orders.order_total_net as total_net,
        orders.tax_total,
        orders.discount_total,
        orders.shipping_total,
        orders.currency_code,
        orders.market_code,
        orders.store_key,
        orders.channel_key,
        orders.country_code,
        orders.locale,
        orders.is_guest,
        orders.ordered_at,
        orders.source_modified_at,
        people.is_test
    from orders
    inner join people on orders.profile_id = people.profile_id
),

items as (
    select
        purchased.order_id,
        {{ list_agg_ordered(commerce_item('lines', 'purchased'), 'lines.line_number') }} as items
    from purchased
    inner join lines on purchased.order_id = lines.order_id
    group by purchased.order_id
),

joined as (
    select
        purchased.*,
        coalesce(items.items, []) as items
    from purchased
    left join items on purchased.order_id = items.order_id
),

fingerprinted as (
    select
        *,
        {{ row_fingerprint([
            ('order_number', 'string', 'order_number'),
            ('total', 'double', 'total'),
            ('total_net', 'double', 'total_net'),
            ('tax_total', 'double', 'tax_total'),
            ('discount_total', 'double', 'discount_total'),
            ('shipping_total', 'double', 'shipping_total'),
            ('currency', 'string', 'currency_code'),
            ('market', 'string', 'market_code'),
            ('store', 'string', 'store_key'),
            ('channel', 'string', 'channel_key'),
            ('country', 'string', 'country_code'),
            ('locale', 'string', 'locale'),
            ('is_guest', 'boolean', 'is_guest'),
            ('ordered_at', 'date', 'ordered_at'),
            ('items', 'string[]', items_canonical('items'))
        ]) }} as fingerprint
    from joined
)

select * from fingerprinted
