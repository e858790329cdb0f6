{{ config(materialized='table') }}
-- Grain: cart_id. Carts with the profile they belong to and their market, and whether they are
-- still there: commercetools deletes a cart that nobody touched for its lifetime, and says nothing.
with baskets as (
    select * from {{ ref('stg_commercetools__carts') }}
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

{{ placed_baskets('carts', 'cart_id') }},

timed as (
    select
        *,
        {{ ts_add_hours('last_modified_at', '24 * lifetime_days') }} as expires_at
    from placed
),

judged as (
    select
        *,
        expires_at <= {{ as_of() }} as is_expired
    from timed
),

identified as (
    select
        cart_id,
        profile_id,
        person_key,
        customer_id,
        customer_email,
        cart_status,
        campaign_id,
        template_id,
        version as cart_version,
        currency_code,
        fraction_digits,
        total_price_minor as cart_total_minor,
        known_locale as locale,
        market_code,
        store_key,
        known_channel_key as channel_key,
        known_country_code as country_code,
        created_at,
        content_modified_at as source_modified_at,
        -- times
        case when is_expired then least(expires_at, deleted_at) else deleted_at end as gone_at,
        case
            when is_expired then 'expired'
            when deleted_at is not null then 'deleted'
        end as gone_reason,
        case
            when cart_status = 'active' and not is_expired and deleted_at is null then expires_at
        end as due_at
    from judged
)

select * from identified
