-- Grain: subject (person_key and what is subscribed). Grants that Iterable does not follow, as
-- far as we know: people who are unsubscribed there and gave a newer word of their own. Who was
-- never unsubscribed needs nothing. A refusal that stage 1 acted on does not need to be older where
-- the rules have weighed it too. The last lane of a run, and read once more before each request.
with grants as (
    select * from {{ ref('iterable_grants') }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

people_in_run as (
    select * from {{ ref('changed_users') }}
    where verdict = 'send'
),

known as (
    select * from {{ ref('known_subscriptions') }}
),

settings as (
    select * from {{ ref('objects') }}
    where object = 'grants' and kind = 'grants' and is_enabled
),

settled as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'grants' and (state = 'accepted' or is_sticky)
),

addressed as (
    select
        recipients.profile_id,
        recipients.person_key,
        recipients.email,
        recipients.user_id,
        recipients.hold_reason,
        recipients.is_reachable or people_in_run.person_key is not null as is_at_iterable,
        recipients.is_rename_planned or not recipients.is_reachable as waits_for_person
    from recipients
    left join people_in_run on recipients.person_key = people_in_run.person_key
    where recipients.is_known or people_in_run.person_key is not null
),

compared as (
    select
        grants.*,
        addressed.email,
        addressed.user_id,
        addressed.hold_reason,
        addressed.is_at_iterable,
        addressed.waits_for_person,
        false as lacks_consent,
        coalesce(not channels_left.is_subscribed, false) as is_channel_left,
        coalesce(channels_left.is_subscribed, true)
        or {{ is_outweighed('channels_left') }} as may_use_channel,
        case
            when own.profile_id is null then grants.subscription_policy = 'OptIn'
            else not own.is_subscribed
        end as is_left,
        {{ is_outweighed('own') }} as is_outweighed,
        own.happened_at as left_at
    from grants
    inner join addressed on grants.profile_id = addressed.profile_id
    cross join settings
    left join known as own
        on
            grants.profile_id = own.profile_id
            and grants.subscription_group = own.subscription_group
            and grants.subscription_id = own.subscription_id
    left join known as channels_left
        on
            grants.profile_id = channels_left.profile_id
            and channels_left.subscription_group = 'messageChannel'
            and grants.iterable_channel_id = channels_left.subscription_id
),

needed as (
    select
        *,
        {{ verdict_of_person() }} as verdict,
        {{ verdict_reason_of_person() }} as verdict_reason,
        {{ sha256_hex(
            "subject || chr(31) || " ~ ts_iso('stated_at')
            ~ " || chr(31) || coalesce(" ~ ts_iso('left_at') ~ ", '')"
        ) }} as grant_fingerprint
    from compared
    where
        is_left
        and may_use_channel
        and is_outweighed
),

fingerprinted as (
    select
        *,
        {{ verdict_fingerprint('grant_fingerprint', 'verdict', 'verdict_reason') }} as fingerprint
    from needed
),

changed as (
    select
        'grants' as object,
        'grants' as kind,
        fingerprinted.subject,
        fingerprinted.person_key,
        fingerprinted.email,
        fingerprinted.user_id,
        fingerprinted.fingerprint,
        9 as lane,
        fingerprinted.market_code,
        fingerprinted.stated_at as source_modified_at,
        fingerprinted.stated_at as occurred_at,
        cast(null as timestamp) as send_before_at,
        'channel' as consent_requirement,
        fingerprinted.verdict,
        fingerprinted.verdict_reason,
        cast(null as varchar) as depends_on,
        fingerprinted.waits_for_person,
        fingerprinted.is_test,
        fingerprinted.subscription_group || '/' || fingerprinted.subscription_id
            as subscription_target,
        fingerprinted.subscription_group,
        fingerprinted.subscription_id,
        fingerprinted.subscription_policy,
        fingerprinted.iterable_channel_id,
        fingerprinted.is_channel_left,
        fingerprinted.consent_scope,
        fingerprinted.stated_at
    from fingerprinted
    left join settled on fingerprinted.subject = settled.subject
    where settled.fingerprint is distinct from fingerprinted.fingerprint
)

select * from changed
