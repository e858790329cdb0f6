-- Grain: profile_id. The newest order of a profile, else its newest cart: where people without an
-- account shop, and what they say about themselves. Also when the person last did anything.
with baskets as (
    select
        profile_id,
        order_id as basket_id,
        1 as rank_in_kind,
        ordered_at as active_at,
        customer_email,
        first_name,
        last_name,
        company_name,
        phone_raw,
        phone_country_code,
        locale,
        market_code,
        store_key,
        channel_key,
        country_code,
        is_test,
        created_at,
        source_modified_at
    from {{ ref('int_orders__identified') }}
    where profile_id is not null

    union all

    select
        profile_id,
        cart_id as basket_id,
        2 as rank_in_kind,
        source_modified_at as active_at,
        customer_email,
        null as first_name,
        null as last_name,
        null as company_name,
        null as phone_raw,
        null as phone_country_code,
        locale,
        market_code,
        store_key,
        channel_key,
        country_code,
        false as is_test,
        created_at,
        source_modified_at
    from {{ ref('int_carts__identified') }}
    where profile_id is not null
),

ranked as (
    select
        *,
        min(created_at) over (partition by profile_id) as first_seen_at,
        max(active_at) over (partition by profile_id) as last_active_at,
        max(source_modified_at) over (partition by profile_id) as newest_modified_at
    from baskets
    qualify row_number() over (
        partition by profile_id order by rank_in_kind asc, active_at desc, basket_id desc
    ) = 1
)

select * from ranked
