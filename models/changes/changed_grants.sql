-- Grain: subject (person_key and what is subscribed). Grants that Iterable does not follow, as
-- far as we know: people who are unsubscribed there and gave a newer word of their own. Who was
-- never unsubscribed needs nothing. The last lane of a run, and read once more before each
-- request.
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

moves as (
    select * from {{ ref('int_subscriptions__moves') }}
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
        recipients.is_rename_planned or not recipients.is_reachable as waits_for_person,
        not {{ project_identifies_by('user_id') }} as is_found_by_email,
        coalesce(recipients.known_email, recipients.email) as known_email
    from recipients
    left join people_in_run on recipients.person_key = people_in_run.person_key
    where recipients.is_known or people_in_run.person_key is not null
),

-- what was said of the person themselves, and of whoever was called so, unless they are gone since
attributed as (
    select
        addressed.profile_id,
        moves.*
    from addressed
    inner join moves on addressed.person_key = moves.person_key
    union
    select
        addressed.profile_id,
        moves.*
    from addressed
    inner join moves on addressed.user_id = moves.user_id
    union
    select
        addressed.profile_id,
        moves.*
    from addressed
    inner join moves on addressed.known_email = moves.email
    where
        addressed.is_found_by_email
        and not exists (
            select 1 from {{ source('delivered', 'gone_users') }} as gone_users
            where
                gone_users.email = moves.email
                and gone_users.gone_at >= moves.happened_at
                and gone_users.person_key is distinct from addressed.person_key
        )
),

newest as (
    select * from attributed
    qualify row_number() over (
        partition by profile_id, subscription_group, subscription_id
        order by happened_at desc, is_subscribed asc, said_at desc nulls last
    ) = 1
),

compared as (
    select
        grants.*,
        addressed.email,
        addressed.user_id,
        addressed.hold_reason,
        addressed.is_at_iterable,
        addressed.waits_for_person,
        settings.without_consent,
        false as lacks_consent,
        coalesce(not channels_left.is_subscribed, false) as is_channel_left,
        coalesce(channels_left.is_subscribed, true)
        or channels_left.said_at is null
        or channels_left.said_at < grants.stated_at as may_use_channel,
        case
            when own.profile_id is null then grants.subscription_policy = 'OptIn'
            else not own.is_subscribed
        end as is_left,
        own.said_at as left_said_at,
        own.happened_at as left_at
    from grants
    inner join addressed on grants.profile_id = addressed.profile_id
    cross join settings
    left join newest as own
        on
            grants.profile_id = own.profile_id
            and grants.subscription_group = own.subscription_group
            and grants.subscription_id = own.subscription_id
    left join newest as channels_left
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
        and (left_said_at is null or left_said_at < stated_at)
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
