-- Grain: order_id, delivery_id, parcel_id, line_id. What is in a parcel, or in a delivery that
-- lists no parcels.
with parcels as (
    select * from {{ ref('stg_commercetools__parcels') }}
),

moved as (
    select
        parcels.order_id,
        parcels.delivery_id,
        parcels.parcel_id,
        entries.item.id as line_id,
        entries.item.quantity
    from parcels
    cross join {{ list_each('parcels.items', 'entries', 'item') }}
)

select * from moved
