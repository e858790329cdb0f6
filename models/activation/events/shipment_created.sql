-- Grain: event_id. Goods left the warehouse: one event per parcel, or per delivery that
-- lists no parcels.
with deliveries as (
    select * from {{ ref('int_orders__deliveries') }}
    where delivery_id is not null
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

moved_items as (
    select * from {{ ref('stg_commercetools__moved_items') }}
),

moved as (
    select moved_items.*
    from moved_items
    inner join deliveries
        on
            moved_items.order_id = deliveries.order_id
            and moved_items.delivery_id = deliveries.delivery_id
            and moved_items.parcel_id is not distinct from deliveries.parcel_id
    where {{ may_be_sent('shipment_created', 'deliveries.shipped_at') }}
),

items as (
    select
        moved.order_id,
        moved.delivery_id,
        moved.parcel_id,
        {{ list_agg_ordered(
            commerce_item('lines', 'orders', 'moved.quantity'), 'lines.line_number'
        ) }} as items
    from moved
    inner join orders on moved.order_id = orders.order_id
    inner join lines on moved.order_id || '-' || moved.line_id = lines.order_line_id
    group by moved.order_id, moved.delivery_id, moved.parcel_id
),

events as (
    select
        {{ fact_id('shipment_created', [
            'deliveries.order_id', 'deliveries.delivery_id', 'deliveries.parcel_id'
        ]) }} as event_id,
        orders.order_id,
        orders.order_number,
        deliveries.delivery_id,
        deliveries.parcel_id,
        deliveries.carrier,
        deliveries.tracking_id,
        orders.ordered_at,
        coalesce(items.items, []) as items,
        {{ event_envelope(
            'orders', 'order', 'orders.order_id', 'orders.order_version', 'deliveries.shipped_at',
            'orders.source_modified_at', campaign='orders'
        ) }}
    from deliveries
    inner join orders on deliveries.order_id = orders.order_id
    inner join people on orders.profile_id = people.profile_id
    left join items
        on
            deliveries.order_id = items.order_id
            and deliveries.delivery_id is not distinct from items.delivery_id
            and deliveries.parcel_id is not distinct from items.parcel_id
)

select * from events
