{{ config(materialized='table') }}
-- Grain: order_id, delivery_id, parcel_id. Parcels, and when they arrived: commercetools keeps that
-- for the order as a whole, so each parcel has it from the earliest change of the order to
-- delivered that a Message or we saw. An order that nobody saw arrive has not: a version that rose
-- since would date it anew. One that arrived without any listed delivery has one row of nulls.
with orders as (
    select * from {{ ref('stg_commercetools__orders') }}
),

parcels as (
    select * from {{ ref('stg_commercetools__parcels') }}
),

told as (
    select
        order_id,
        min(changed_at) as delivered_at
    from {{ ref('int_orders__status_changes') }}
    where status_type = 'shipment' and to_status = 'delivered'
    group by order_id
),

delivered as (
    select
        orders.order_id,
        told.delivered_at
    from orders
    inner join told on orders.order_id = told.order_id
    where orders.shipment_status = 'delivered'
),

joined as (
    select
        coalesce(parcels.order_id, delivered.order_id) as order_id,
        parcels.delivery_id,
        parcels.parcel_id,
        parcels.carrier,
        parcels.tracking_id,
        parcels.created_at as shipped_at,
        delivered.delivered_at
    from parcels
    full outer join delivered on parcels.order_id = delivered.order_id
)

select * from joined
