{{ config(materialized='table') }}
-- Grain: cart_id. Carts with the profile they belong to and their market; is_current marks the one
-- that Iterable shows.
with carts as (
    select * from {{ ref('stg_commercetools__carts') }}
),

people as (
    select * from {{ ref('int_identity__people') }}
),

content_changes as (
    select * from {{ ref('stg_commercetools__content_changes') }}
    where resource = 'carts'
),

channels as (
    select
        lines.cart_id,
        min_by(channels.channel_key, lines.line_number) as channel_key
    from {{ ref('stg_commercetools__cart_lines') }} as lines
    inner join {{ ref('stg_commercetools__channels') }} as channels
        on lines.channel_id = channels.channel_id
    group by lines.cart_id
),

located as (
    select
        *,
        {{ market_of('carts.store_key', 'carts.country_code') }} as market_code
    from carts
),

identified as (
    select
        located.cart_id,
        coalesce(by_customer.profile_id, by_email.profile_id) as profile_id,
        coalesce(by_customer.person_key, by_email.person_key) as person_key,
        located.customer_id,
        located.customer_email,
        located.cart_status,
        located.currency_code,
        located.fraction_digits,
        located.total_price_minor as cart_total_minor,
        coalesce(located.locale, markets.locale) as locale,
        located.market_code,
        located.store_key,
        coalesce(channels.channel_key, markets.channel_key) as channel_key,
        coalesce(located.country_code, markets.country_code) as country_code,
        located.created_at,
        coalesce(content_changes.content_changed_at, located.last_modified_at) as source_modified_at
    from located
    left join people as by_customer on 'customer:' || located.customer_id = by_customer.subject
    left join people as by_email on 'email:' || located.customer_email = by_email.subject
    left join channels on located.cart_id = channels.cart_id
    left join content_changes on located.cart_id = content_changes.id
    left join {{ ref('markets') }} as markets on located.market_code = markets.market_code
),

ranked as (
    select
        *,
        profile_id is not null and cart_status = 'active' and row_number() over (
            partition by profile_id, cart_status order by source_modified_at desc, cart_id desc
        ) = 1 as is_current
    from identified
)

select * from ranked
