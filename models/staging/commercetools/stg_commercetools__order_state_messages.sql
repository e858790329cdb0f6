-- Grain: message_id. Changes of an order's statuses as commercetools' Messages tell them.
with messages as (
    select * from {{ ref('base_commercetools__messages') }}
    where rejection_reason is null
),

renamed as (
    select
        message_id,
        resource_id as order_id,
        case message_type
            when 'OrderStateChanged' then 'order'
            when 'OrderPaymentStateChanged' then 'payment'
            else 'shipment'
        end as status_type,
        from_status,
        to_status,
        created_at as occurred_at
    from messages
    where
        message_type in (
            'OrderStateChanged', 'OrderPaymentStateChanged', 'OrderShipmentStateChanged'
        )
)

select * from renamed
