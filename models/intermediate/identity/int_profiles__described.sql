{{ config(materialized='table') }}
-- Grain: profile_id. Everything about a person but the phone number and the consent.
with people as (
    select distinct
        profile_id,
        profile_subject,
        person_key,
        is_registered,
        customer_id
    from {{ ref('int_identity__people') }}
),

joining_rules as (
    select
        profile_id,
        coalesce(
            min(identity_rule) filter (where subject <> profile_subject),
            min(identity_rule) filter (where subject = profile_subject)
        ) as identity_rule,
        min(email) filter (where subject = profile_subject) as email
    from {{ ref('int_identity__people') }}
    group by profile_id
),

customers as (
    select * from {{ ref('stg_commercetools__customers') }}
),

groups as (
    select * from {{ ref('stg_commercetools__customer_groups') }}
),

deletions as (
    select * from {{ ref('stg_commercetools__customer_deletions') }}
),

baskets as (
    select * from {{ ref('int_profiles__newest_baskets') }}
),

content_changes as (
    select * from {{ ref('stg_commercetools__content_changes') }}
    where resource = 'customers'
),

gathered as (
    select
        people.profile_id,
        case when people.is_registered then 'registered' else 'guest' end as profile_type,
        people.profile_subject as subject,
        people.person_key,
        people.customer_id,
        customers.customer_id is not null as has_record,
        joining_rules.email,
        coalesce(customers.is_email_verified, false) as is_email_verified,
        coalesce(customers.first_name, baskets.first_name) as first_name,
        coalesce(customers.last_name, baskets.last_name) as last_name,
        coalesce(customers.company_name, baskets.company_name) as company_name,
        coalesce(customers.phone_raw, baskets.phone_raw) as phone_raw,
        case
            when customers.phone_raw is null
                then coalesce(baskets.phone_country_code, baskets.country_code)
            else coalesce(customers.phone_country_code, customers.country_code)
        end as phone_country_code,
        customers.date_of_birth,
        coalesce(customers.locale, baskets.locale) as stated_locale,
        coalesce(customers.country_code, baskets.country_code) as stated_country_code,
        coalesce(customers.store_key, baskets.store_key) as store_key,
        baskets.market_code as basket_market_code,
        baskets.channel_key as basket_channel_key,
        groups.customer_group_key,
        joining_rules.identity_rule,
        deletions.customer_id is not null as is_deleted,
        deletions.deleted_at,
        coalesce(customers.created_at, baskets.first_seen_at) as created_at,
        coalesce(content_changes.content_changed_at, customers.last_modified_at)
            as customer_changed_at,
        baskets.last_active_at,
        baskets.newest_modified_at
    from people
    left join joining_rules on people.profile_id = joining_rules.profile_id
    left join customers on people.customer_id = customers.customer_id
    left join groups on customers.customer_group_id = groups.customer_group_id
    left join deletions on people.customer_id = deletions.customer_id
    left join baskets on people.profile_id = baskets.profile_id
    left join content_changes on people.customer_id = content_changes.id
),

located as (
    select
        *,
        case
            when not has_record or (store_key is null and stated_country_code is null)
                then basket_market_code
        end as known_market_code
    from gathered
),

placed as (
    select
        located.*,
        coalesce(
            located.known_market_code,
            {{ market_of('located.store_key', 'located.stated_country_code') }}
        ) as market_code
    from located
),

described as (
    select
        placed.profile_id,
        placed.profile_type,
        placed.subject,
        placed.person_key,
        placed.customer_id,
        placed.email,
        placed.is_email_verified,
        placed.first_name,
        placed.last_name,
        placed.company_name,
        placed.date_of_birth,
        placed.phone_raw,
        coalesce(placed.phone_country_code, markets.phone_country) as phone_country_code,
        coalesce(placed.stated_locale, markets.locale) as locale,
        split_part(coalesce(placed.stated_locale, markets.locale), '-', 1) as language,
        placed.market_code,
        coalesce(placed.store_key, markets.store_key) as store_key,
        coalesce(placed.basket_channel_key, markets.channel_key) as channel_key,
        coalesce(placed.stated_country_code, markets.country_code) as country_code,
        markets.currency_code,
        markets.time_zone,
        placed.customer_group_key,
        placed.identity_rule,
        placed.is_deleted,
        placed.created_at,
        greatest(
            coalesce(placed.last_active_at, placed.created_at),
            coalesce(placed.customer_changed_at, placed.created_at)
        ) as last_activity_at,
        greatest(
            coalesce(placed.customer_changed_at, placed.newest_modified_at),
            coalesce(placed.newest_modified_at, placed.customer_changed_at),
            coalesce(placed.deleted_at, placed.customer_changed_at, placed.newest_modified_at)
        ) as source_modified_at,
        exists (
            select 1 from {{ ref('test_profiles') }} as listed
            where {{ fold_email('listed.email') }} = placed.email
        ) or exists (
            select 1 from {{ ref('test_profiles') }} as listed
            where listed.customer_id = placed.customer_id
        ) as is_test
    from placed
    left join {{ ref('markets') }} as markets on placed.market_code = markets.market_code
)

select * from described
