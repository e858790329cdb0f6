with orders as (
    select * from {{ ref('int_orders__identified') }}
),

counting as (
    select * from {{ ref('int_orders__counting') }}
),

discount_codes as (
    select * from {{ ref('int_orders__discount_codes') }}
),

states as (
    select * from {{ ref('stg_commercetools__states') }}
),

business_units as (
    select * from {{ ref('stg_commercetools__business_units') }}
),

refunds as (
    select
        order_id,
        sum(refund_minor) as refunded_minor
    from {{ ref('int_orders__refunds') }}
    where is_order_currency
    group by order_id
),

final as (
    select
        orders.order_id,
        orders.order_number,
        orders.profile_id,
        orders.person_key,
        orders.customer_id,
        orders.customer_email,
        orders.is_guest,
        orders.identity_rule,
        orders.order_status,
        orders.payment_status,
        orders.shipment_status,
        counting.is_counted,
        counting.counted_reason,
        counting.counted_due_at,
        orders.origin,
        orders.currency_code,
        orders.fraction_digits,
        {{ amount('orders.order_total_minor', 'orders.fraction_digits') }} as order_total,
        {{ amount('orders.order_total_net_minor', 'orders.fraction_digits') }} as order_total_net,
        {{ amount('orders.tax_minor', 'orders.fraction_digits') }} as tax_total,
        {{ amount('orders.discount_minor', 'orders.fraction_digits') }} as discount_total,
        {{ amount('orders.shipping_minor', 'orders.fraction_digits') }} as shipping_total,
        {{ amount('orders.unexplained_minor', 'orders.fraction_digits') }} as unexplained_total,
        orders.total_source,
        {{ amount('coalesce(refunds.refunded_minor, 0)', 'orders.fraction_digits') }}
            as refunded_total,
        orders.locale,
        orders.market_code,
        orders.store_key,
        orders.channel_key,
        orders.country_code,
        orders.campaign_id,
        orders.template_id,
        orders.cart_id,
        orders.order_version,
        orders.ordered_at,
        orders.created_at,
        orders.source_modified_at,
        orders.is_imported,
        orders.is_test,
        orders.is_deleted,
        orders.deleted_at,
        states.state_key as workflow_state_key,
        coalesce(discount_codes.discount_codes, []) as discount_codes,
        orders.business_unit_key,
        business_units.business_unit_name
    from orders
    inner join counting on orders.order_id = counting.order_id
    left join refunds on orders.order_id = refunds.order_id
    left join discount_codes on orders.order_id = discount_codes.order_id
    left join states on orders.workflow_state_id = states.state_id
    left join business_units on orders.business_unit_key = business_units.business_unit_key
)

select * from final
