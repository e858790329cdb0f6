{{ config(materialized='table') }}
-- Grain: order_id. Orders with the profile they belong to, their market and their totals in minor
-- units.
with orders as (
    select * from {{ ref('stg_commercetools__orders') }}
),

people as (
    select * from {{ ref('int_identity__people') }}
),

line_sums as (
    select * from {{ ref('int_orders__line_sums') }}
),

content_changes as (
    select * from {{ ref('stg_commercetools__content_changes') }}
    where resource = 'orders'
),

located as (
    select
        *,
        {{ market_of('orders.store_key', 'orders.country_code') }} as market_code
    from orders
),

identified as (
    select
        located.order_id,
        located.order_number,
        located.customer_id,
        located.customer_email,
        coalesce(by_customer.profile_id, by_email.profile_id) as profile_id,
        coalesce(by_customer.person_key, by_email.person_key) as person_key,
        coalesce(by_customer.profile_subject, by_email.profile_subject) as profile_subject,
        coalesce(by_customer.identity_rule, by_email.identity_rule, 'no_address') as identity_rule,
        located.customer_id is null as is_guest,
        located.order_status,
        located.payment_status,
        located.shipment_status,
        located.origin,
        located.campaign_id,
        -- money
        located.currency_code,
        located.fraction_digits,
        coalesce(located.taxed_gross_minor, located.total_price_minor) as order_total_minor,
        located.taxed_net_minor as order_total_net_minor,
        coalesce(
            located.taxed_tax_minor, located.taxed_gross_minor - located.taxed_net_minor
        ) as tax_minor,
        case
            when located.taxed_gross_minor is null then 'total_price' else 'taxed_gross'
        end as total_source,
        coalesce(line_sums.discount_minor, 0) + located.total_discount_minor as discount_minor,
        located.shipping_minor + located.shippings_minor as shipping_minor,
        -- place
        coalesce(located.locale, markets.locale) as locale,
        located.market_code,
        located.store_key,
        coalesce(line_sums.channel_key, markets.channel_key) as channel_key,
        coalesce(located.country_code, markets.country_code) as country_code,
        -- who a guest says they are
        located.first_name,
        located.last_name,
        located.company_name,
        located.phone_raw,
        located.phone_country_code,
        located.payment_ids,
        -- times
        coalesce(located.completed_at, located.created_at) as ordered_at,
        located.completed_at is not null as is_imported,
        located.created_at,
        coalesce(content_changes.content_changed_at, located.last_modified_at) as source_modified_at
    from located
    left join people as by_customer on 'customer:' || located.customer_id = by_customer.subject
    left join people as by_email on 'email:' || located.customer_email = by_email.subject
    left join line_sums on located.order_id = line_sums.order_id
    left join content_changes on located.order_id = content_changes.id
    left join {{ ref('markets') }} as markets on located.market_code = markets.market_code
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
