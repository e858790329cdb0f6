with refunds as (
    select * from {{ ref('int_orders__refunds') }}
),

final as (
    select
        refund_id,
        order_id,
        payment_id,
        transaction_id,
        profile_id,
        person_key,
        {{ amount('refund_minor', 'fraction_digits') }} as refund_amount,
        currency_code,
        refunded_at,
        source_modified_at,
        is_full
    from refunds
)

select * from final
