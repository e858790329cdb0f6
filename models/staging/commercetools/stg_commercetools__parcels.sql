-- Grain: order_id, delivery_id, parcel_id (null for a delivery that lists no parcels). What left
-- the warehouse. An order with several shipping methods keeps deliveries with each.
with orders as (
    select * from {{ ref('stg_commercetools__orders') }}
),

methods as (
    select
        orders.order_id,
        orders.deliveries
    from orders
    where {{ list_size('orders.deliveries') }} > 0

    union all

    select
        orders.order_id,
        entries.method.shippingInfo.deliveries
    from orders
    cross join {{ list_each('orders.shippings', 'entries', 'method') }}
    where {{ list_size('orders.shippings') }} > 0
),

deliveries as (
    select
        methods.order_id,
        entries.delivery.id as delivery_id,
        entries.delivery.items,
        entries.delivery.parcels,
        {{ try_ts_from_iso('entries.delivery.createdAt') }} as created_at
    from methods
    cross join {{ list_each('methods.deliveries', 'entries', 'delivery') }}
    where
        entries.delivery.id is not null
        and {{ try_ts_from_iso('entries.delivery.createdAt') }} is not null
),

parcels as (
    select
        order_id,
        delivery_id,
        cast(null as varchar) as parcel_id,
        cast(null as varchar) as carrier,
        cast(null as varchar) as tracking_id,
        items,
        created_at
    from deliveries
    where coalesce({{ list_size('parcels') }}, 0) = 0

    union all

    select
        deliveries.order_id,
        deliveries.delivery_id,
        entries.parcel.id as parcel_id,
        entries.parcel.trackingData.carrier,
        entries.parcel.trackingData.trackingId as tracking_id,
        case
            when {{ list_size('entries.parcel.items') }} > 0 then entries.parcel.items
            else deliveries.items
        end as items,
        coalesce({{ try_ts_from_iso('entries.parcel.createdAt') }}, deliveries.created_at)
            as created_at
    from deliveries
    cross join {{ list_each('deliveries.parcels', 'entries', 'parcel') }}
    where entries.parcel.id is not null
)

select * from parcels
