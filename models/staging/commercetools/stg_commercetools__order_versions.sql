{{ config(materialized='table') }}
-- Grain: order_id, version. Statuses and content of each version read, of orders that may have
-- changed while we were looking: those read in more than one version, and those made since. A
-- version that cannot be read is left out.
with history as (
    select * from {{ source('raw', 'orders_history') }}
    where
        id in (
            select several.id
            from {{ source('raw', 'orders_history') }} as several
            group by several.id
            having count(*) > 1
        )
        or created_at >= (
            select min(customers.loaded_at)
            from {{ source('raw', 'customers_history') }} as customers
        )
),

opened as (
    select
        id as order_id,
        version,
        {{ json_open('document', {
            'orderState': 'text',
            'paymentState': 'text',
            'shipmentState': 'text',
            'lineItems': [{
                'id': 'text', 'productId': 'text', 'quantity': 'long', 'variant': {'sku': 'text'}
            }],
            'shippingAddress': shape_place(),
            'billingAddress': shape_place()
        }) }} as doc,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from history
),

described as (
    select
        order_id,
        version,
        created_at,
        last_modified_at,
        {{ status_word('doc.orderState') }} as order_status,
        {{ status_word('doc.paymentState') }} as payment_status,
        {{ status_word('doc.shipmentState') }} as shipment_status,
        {{ basket_content('doc.lineItems') }} as line_content,
        {{ place_content('doc.shippingAddress') }}
        || chr(30)
        || {{ place_content('doc.billingAddress') }}
            as address_content
    from opened
),

-- grouped, though each version is one row: a plain filter would be applied to all of history first
readable as (
    select
        order_id,
        version,
        created_at,
        last_modified_at,
        max(order_status) as order_status,
        max(payment_status) as payment_status,
        max(shipment_status) as shipment_status,
        max(line_content) as line_content,
        max(address_content) as address_content
    from described
    group by order_id, version, created_at, last_modified_at
    having max(order_status) is not null
)

select * from readable
