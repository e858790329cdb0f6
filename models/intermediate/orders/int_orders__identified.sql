{{ config(materialized='table') }}
-- Grain: order_id. Orders with the profile they belong to, their market and their totals in minor
-- units.
with baskets as (
    select * from {{ ref('stg_commercetools__orders') }}
),

line_sums as (
    select * from {{ ref('int_orders__line_sums') }}
),

channels as (
    select
        order_id,
        channel_key
    from line_sums
),

{{ placed_baskets('orders', 'order_id') }},

identified as (
    select
        placed.order_id,
        placed.order_number,
        placed.customer_id,
        placed.customer_email,
        placed.profile_id,
        placed.person_key,
        placed.profile_subject,
        placed.identity_rule,
        placed.customer_id is null as is_guest,
        placed.order_status,
        placed.payment_status,
        placed.shipment_status,
        placed.origin,
        placed.campaign_id,
        placed.template_id,
        placed.cart_id,
        placed.version as order_version,
        placed.workflow_state_id,
        placed.business_unit_key,
        placed.discount_code_ids,
        -- money
        placed.currency_code,
        placed.fraction_digits,
        coalesce(placed.taxed_gross_minor, placed.total_price_minor) as order_total_minor,
        placed.taxed_net_minor as order_total_net_minor,
        coalesce(
            placed.taxed_tax_minor, placed.taxed_gross_minor - placed.taxed_net_minor
        ) as tax_minor,
        case
            when placed.taxed_gross_minor is null then 'total_price' else 'taxed_gross'
        end as total_source,
        coalesce(line_sums.discount_minor, 0) + placed.total_discount_minor as discount_minor,
        placed.shipping_minor + placed.shippings_minor as shipping_minor,
        placed.unexplained_minor,
        -- place
        placed.known_locale as locale,
        placed.market_code,
        placed.store_key,
        placed.known_channel_key as channel_key,
        placed.known_country_code as country_code,
        -- who a guest says they are
        placed.first_name,
        placed.last_name,
        placed.company_name,
        placed.phone_raw,
        placed.phone_country_code,
        placed.payment_ids,
        -- times
        coalesce(placed.completed_at, placed.created_at) as ordered_at,
        placed.completed_at is not null as is_imported,
        placed.created_at,
        -- news of a delete is news of the order
        greatest(placed.content_modified_at, coalesce(placed.deleted_at, placed.created_at))
            as source_modified_at,
        placed.deleted_at is not null as is_deleted,
        placed.deleted_at
    from placed
    left join line_sums on placed.order_id = line_sums.order_id
),

tested as (
    select
        identified.*,
        exists (
            select 1 from {{ ref('test_profiles') }} as listed
            where {{ fold_email('listed.email') }} = identified.customer_email
        ) or exists (
            select 1 from {{ ref('test_profiles') }} as listed
            where listed.customer_id = identified.customer_id
        ) as is_test
    from identified
)

select * from tested
