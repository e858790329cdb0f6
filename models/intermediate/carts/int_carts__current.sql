-- Grain: profile_id. Of several active carts of a person the one that Iterable shows: places by the
-- rules of config/cart_rules.csv, compared in the order of their priority; cart_id settles what no
-- rule does. Amounts are compared in the currency of the newest cart only.
with carts as (
    select * from {{ ref('int_carts__identified') }}
    where profile_id is not null and cart_status = 'active' and gone_at is null
),

rules as (
    select * from {{ ref('cart_rules') }}
    where is_enabled
),

compared as (
    select
        *,
        first_value(currency_code) over (
            partition by profile_id order by source_modified_at desc, cart_id desc
        ) as newest_currency_code
    from carts
),

placed as (
    select
        compared.profile_id,
        compared.cart_id,
        rules.priority,
        case rules.rank_by
            when 'newest_modified'
                then rank() over (
                    partition by compared.profile_id, rules.rule_id
                    order by compared.source_modified_at desc
                )
            when 'highest_total'
                then rank() over (
                    partition by compared.profile_id, rules.rule_id
                    order by
                        compared.currency_code = compared.newest_currency_code desc,
                        compared.cart_total_minor desc
                )
            when 'store' then case when compared.store_key = rules.value then 1 else 2 end
            when 'market' then case when compared.market_code = rules.value then 1 else 2 end
        end as place
    from compared
    left join rules on true
),

listed as (
    select
        profile_id,
        cart_id,
        {{ list_agg_ordered('place', 'priority') }} as places
    from placed
    group by profile_id, cart_id
),

chosen as (
    select
        profile_id,
        cart_id
    from listed
    qualify row_number() over (partition by profile_id order by places asc, cart_id desc) = 1
)

select * from chosen
