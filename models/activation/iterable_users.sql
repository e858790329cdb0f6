-- Grain: profile_id. What Iterable should know of each person with an address. An address is one
-- Iterable user, but in a userID-based project: where profiles share it, is_owner says whose it is
-- (a verified registered profile before another registered one before a guest; among equals whom
-- Iterable has under it already, so that nobody's rows stop because somebody else was active; then
-- the newest activity; profile_id settles a tie). Deleted customers keep a row that owns nothing,
-- and so do accounts whose customer the shop's data does not have.
with profiles as (
    select
        *,
        coalesce(identity_rule <> 'account_not_in_shop', true) as is_in_shop,
        {{ iterable_user_id(
            "case when profile_type = 'registered' then customer_id end", 'person_key'
        ) }} as user_id
    from {{ ref('profiles') }}
    where email is not null
),

metrics as (
    select * from {{ ref('customer_metrics') }}
),

consent as (
    select
        profile_id,
        bool_or(is_messageable) as has_messageable_channel,
        {{ list_agg_ordered(
            struct_of([('field', consent_field('channel', 'purpose')), ('value', 'status')]), 'channel, purpose'
        ) }} as consent
    from {{ ref('consent_state') }}
    group by profile_id
),

holders as (
    select profiles.profile_id
    from profiles
    inner join {{ source('delivered', 'users') }} as delivered_users
        on
            profiles.person_key = delivered_users.person_key
            and profiles.email = delivered_users.email
    union
    select profiles.profile_id
    from profiles
    inner join {{ ref('stg_iterable__users') }} as existing_users
        on
            profiles.user_id = existing_users.user_id
            and profiles.email = existing_users.email
),

mapped as (
    select
        profile_id,
        {{ list_agg_ordered(
            struct_of([('field', 'iterable_field'), ('type', '"type"'), ('value', '"value"')]), 'iterable_field'
        ) }} as attributes
    from {{ ref('int_profiles__mapped_attributes') }}
    where value is not null
    group by profile_id
),

owned_there as (
    select
        market_code,
        {{ list_agg_ordered('field', 'field') }} as fields_of_iterable
    from {{ ref('int_profiles__fields_of_iterable') }}
    group by market_code
),

joined as (
    select
        profiles.profile_id,
        profiles.person_key,
        profiles.subject,
        profiles.email,
        profiles.user_id,
        profiles.identity_rule,
        not profiles.is_deleted as should_exist,
        profiles.is_in_shop,
        profiles.is_in_shop and not profiles.is_deleted and row_number() over (
            partition by {{ iterable_user('profiles.email', 'profiles.user_id') }}
            order by
                profiles.is_in_shop and not profiles.is_deleted desc,
                coalesce(
                    profiles.profile_type = 'registered' and profiles.is_email_verified, false
                ) desc,
                profiles.profile_type = 'registered' desc,
                holders.profile_id is not null desc,
                profiles.last_activity_at desc nulls last,
                profiles.profile_id asc
        ) = 1 as is_owner,
        coalesce(profiles.is_test, false) as is_test,
        profiles.source_modified_at,
        profiles.last_activity_at,
        profiles.profile_type,
        profiles.is_email_verified,
        profiles.first_name,
        profiles.last_name,
        profiles.company_name,
        profiles.phone_e164,
        profiles.locale,
        profiles.language,
        profiles.time_zone,
        profiles.market_code,
        profiles.store_key,
        profiles.channel_key,
        profiles.country_code,
        profiles.currency_code,
        profiles.customer_group_key,
        profiles.created_at as profile_created_at,
        cast(metrics.order_count as bigint) as order_count,
        metrics.lifetime_value_gross,
        metrics.lifetime_value_net,
        metrics.average_order_value,
        metrics.first_purchase_at,
        metrics.last_purchase_at,
        metrics.top_categories,
        metrics.last_cart_at,
        coalesce(mapped.attributes, []) as attributes,
        coalesce(owned_there.fields_of_iterable, []) as fields_of_iterable,
        coalesce(consent.consent, []) as consent,
        coalesce(consent.has_messageable_channel, false) as has_messageable_channel
    from profiles
    -- figures are never added up over currencies: a person's profile shows those of the profile's
    -- own
    left join metrics
        on
            profiles.profile_id = metrics.profile_id
            and profiles.currency_code = metrics.currency_code
    left join consent on profiles.profile_id = consent.profile_id
    left join holders on profiles.profile_id = holders.profile_id
    left join mapped on profiles.profile_id = mapped.profile_id
    left join owned_there on profiles.market_code = owned_there.market_code
),

listed as (
    select
        *,
        {{ list_of_present(list_append(
            list_where(
                list_append(profile_field_list(), 'attributes'), 'entry',
                'not ' ~ list_has('fields_of_iterable', 'entry.field')
            ),
            list_map('consent', 'entry', struct_of([
                ('field', "'consent.' || entry.field"), ('type', "'string'"), ('value', 'entry.value')
            ]))
        )) }} as fields
    from joined
),

fingerprinted as (
    select
        *,
        {{ fields_fingerprint('fields') }} as fields_fingerprint
    from listed
)

select * from fingerprinted
