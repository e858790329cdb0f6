-- Grain: order_id. One purchase per counted order of a person with an address; sent once, whatever
-- becomes of the order. Items are listed for purchases that may still be sent: those of history and
-- of what Iterable accepted are in order_lines, and listing them would dominate every build.
with orders as (
    select * from {{ ref('orders') }}
    where is_counted
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

lines as (
    select * from {{ ref('order_lines') }}
),

purchased as (
    select
        orders.order_id,
        {{ fact_id('purchase', ['orders.order_id']) }} as purchase_id,
        orders.order_number,
        orders.order_total as total,
        orders.order_total_net as total_net,
        orders.tax_total,
        orders.discount_total,
        orders.shipping_total,
        orders.unexplained_total,
        orders.is_guest,
        orders.ordered_at,
        {{ event_envelope(
            'orders', 'order', 'orders.order_id', 'orders.order_version', 'orders.ordered_at',
            'orders.source_modified_at', campaign='orders'
        ) }}
    from orders
    inner join people on orders.profile_id = people.profile_id
),

accepted as (
    select subject
    from {{ source('delivered', 'outcomes') }}
    where object = 'purchases' and state = 'accepted'
),

held_history as (
    select subject
    from {{ source('delivered', 'held_history') }}
    where object = 'purchases'
),

released as (
    select subject
    from {{ ref('released_history') }}
    where object = 'purchases'
),

sendable as (
    select purchased.*
    from purchased
    left join accepted on purchased.purchase_id = accepted.subject
    left join held_history on purchased.purchase_id = held_history.subject
    left join released on purchased.purchase_id = released.subject
    where
        accepted.subject is null
        and (
            released.subject is not null
            or (
                held_history.subject is null
                and not coalesce(purchased.ordered_at < {{ go_live_at() }}, false)
            )
        )
),

items as (
    select
        sendable.order_id,
        {{ list_agg_ordered(commerce_item('lines', 'sendable'), 'lines.line_number') }} as items
    from sendable
    inner join lines on sendable.order_id = lines.order_id
    group by sendable.order_id
),

sent_by_others as (
    select
        found.order_id,
        found.found_rule
    from {{ ref('int_orders__found_at_iterable') }} as found
    inner join {{ ref('found_purchases') }} as found_purchases
        on found.found_rule = found_purchases.rule and found_purchases.decision = 'hold'
),

joined as (
    select
        purchased.*,
        'another tool sent this purchase to Iterable: ' || sent_by_others.found_rule
            as own_hold_reason,
        case when sendable.order_id is not null then coalesce(items.items, []) end as items
    from purchased
    left join sendable on purchased.order_id = sendable.order_id
    left join items on purchased.order_id = items.order_id
    left join sent_by_others on purchased.order_id = sent_by_others.order_id
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
