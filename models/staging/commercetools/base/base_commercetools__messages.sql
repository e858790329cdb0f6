{{ config(
    materialized='incremental',
    unique_key='message_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('messages', 'message_id') }}"
) }}
-- Messages, opened once. A message lasts 15 days at commercetools; here it stays. Of types that no
-- model reads only the type is looked at; they are kept, so that they are not opened again.
{%- set read_types %}
    ('OrderStateChanged', 'OrderPaymentStateChanged', 'OrderShipmentStateChanged',
    'CustomerEmailChanged', 'CustomerGroupSet', 'CustomerDeleted', 'OrderDeleted')
{%- endset %}
with source as (
    {{ unopened('messages', 'message_id') }}
),

opened as (
    select
        id,
        version,
        created_at,
        loaded_at,
        {{ json_open('document', {
            'type': 'text',
            'resource': {'id': 'text'},
            'orderState': 'text',
            'oldOrderState': 'text',
            'paymentState': 'text',
            'oldPaymentState': 'text',
            'shipmentState': 'text',
            'oldShipmentState': 'text',
            'email': 'text',
            'customerGroup': {'id': 'text'}
        }) }} as doc
    from source
),

renamed as (
    select
        id as message_id,
        version,
        doc.type as message_type,
        doc.resource.id as resource_id,
        {{ status_word('coalesce(doc.orderState, doc.paymentState, doc.shipmentState)') }}
            as to_status,
        {{ status_word('coalesce(doc.oldOrderState, doc.oldPaymentState, doc.oldShipmentState)') }}
            as from_status,
        {{ fold_email('doc.email') }} as email,
        doc.customerGroup.id as customer_group_id,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc.type is null then 'type is missing'
            when doc.type not in {{ read_types }} then null
            when doc.resource.id is null then 'resource.id is missing'
            when doc.type = 'OrderStateChanged' and doc.orderState is null
                then 'orderState is missing'
            when doc.type = 'OrderPaymentStateChanged' and doc.paymentState is null
                then 'paymentState is missing'
            when doc.type = 'OrderShipmentStateChanged' and doc.shipmentState is null
                then 'shipmentState is missing'
            when doc.type = 'CustomerEmailChanged' and doc.email is null then 'email is missing'
        end as rejection_reason
    from opened
)

select * from renamed
