{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_vanished_versions(['orders'], 'order_id') }}"
) }}
-- Grain: order_id, version. Statuses and content of each version of an order, opened once, when it
-- comes: to fetch the version before of an order that changes, all documents would be read.
with unopened as (
    {{ unopened_versions('orders', 'order_id') }}
),

opened as (
    select
        id as order_id,
        version,
        {{ json_open('document', {
            'orderState': 'text',
            'paymentState': 'text',
            'shipmentState': 'text',
            'lineItems': shape_basket_content(),
            'shippingAddress': shape_place(),
            'billingAddress': shape_place()
        }) }} as doc,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from unopened
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
)

select * from described
