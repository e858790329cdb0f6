with profiles as (
    select * from {{ ref('int_profiles__described') }}
),

phones as (
    select * from {{ ref('int_profiles__phones') }}
),

final as (
    select
        profiles.profile_id,
        profiles.profile_type,
        profiles.subject,
        profiles.person_key,
        profiles.customer_id,
        profiles.email,
        profiles.is_email_verified,
        profiles.first_name,
        profiles.last_name,
        profiles.company_name,
        phones.phone_e164,
        phones.phone_invalid_reason,
        profiles.locale,
        profiles.language,
        profiles.market_code,
        profiles.store_key,
        profiles.channel_key,
        profiles.country_code,
        profiles.currency_code,
        profiles.time_zone,
        profiles.customer_group_key,
        profiles.identity_rule,
        profiles.is_deleted,
        profiles.created_at,
        profiles.last_activity_at,
        profiles.source_modified_at,
        profiles.is_test
    from profiles
    left join phones on profiles.profile_id = phones.profile_id
)

select * from final
