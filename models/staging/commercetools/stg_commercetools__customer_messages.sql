-- Grain: message_id. Changes of a customer's address and group as commercetools' Messages tell
-- them.
with messages as (
    select * from {{ ref('base_commercetools__messages') }}
    where rejection_reason is null
),

renamed as (
    select
        message_id,
        resource_id as customer_id,
        message_type = 'CustomerEmailChanged' as is_email_change,
        email,
        customer_group_id,
        created_at as occurred_at
    from messages
    where message_type in ('CustomerEmailChanged', 'CustomerGroupSet')
)

select * from renamed
