-- Grain: subject (person_key and channel). People whom config/consent_policies.csv keeps out of
-- Iterable for want of a grant, and who are there already: they are unsubscribed, never deleted.
-- Who refused is a withdrawal of stage 1; this is about those who said nothing.
with recipients as (
    select * from {{ ref('recipients') }}
    where is_known and hold_reason is null and not coalesce(has_messageable_channel, false)
),

policies as (
    {{ consent_policies('users', 'users') }}
),

people as (
    select * from {{ ref('iterable_users') }}
),

consent as (
    select * from {{ ref('consent_state') }}
    where not is_messageable and status not in ('denied', 'withdrawn')
),

channels as (
    select
        iterable_channels.channel,
        iterable_channels.purpose,
        min(project_channels.id) as iterable_channel_id
    from {{ ref('iterable_channels') }} as iterable_channels
    inner join {{ source('raw_iterable', 'channels') }} as project_channels
        on iterable_channels.iterable_channel_name = project_channels.name
    group by iterable_channels.channel, iterable_channels.purpose
),

known as (
    select * from {{ ref('known_subscriptions') }}
    where subscription_group = 'messageChannel'
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'withdrawals' and (state = 'accepted' or is_sticky)
),

settings as (
    select object from {{ ref('objects') }}
    where object = 'withdrawals' and kind = 'withdrawals' and is_enabled
),

excluded as (
    select
        recipients.person_key,
        recipients.email,
        recipients.user_id,
        people.market_code,
        people.source_modified_at,
        people.is_test,
        consent.channel,
        consent.purpose,
        channels.iterable_channel_id,
        recipients.person_key
        || ':' || consent.channel
        || case when consent.purpose = 'marketing' then '' else ':' || consent.purpose end
            as subject,
        {{ sha256_hex(
            "'excluded' || chr(31) || channels.iterable_channel_id || chr(31) || coalesce("
            ~ ts_iso('known.happened_at') ~ ", '')"
        ) }} as fingerprint
    from recipients
    cross join settings
    inner join people on recipients.profile_id = people.profile_id
    inner join policies on recipients.market_code is not distinct from policies.market_code
    inner join consent on recipients.profile_id = consent.profile_id
    inner join channels
        on consent.channel = channels.channel and consent.purpose = channels.purpose
    left join known
        on
            recipients.profile_id = known.profile_id
            and channels.iterable_channel_id = known.subscription_id
    where policies.without_consent = 'suppress' and coalesce(known.is_subscribed, true)
),

changed as (
    select
        'withdrawals' as object,
        'exclusion' as kind,
        excluded.subject,
        excluded.person_key,
        excluded.email,
        excluded.user_id,
        excluded.fingerprint,
        1 as lane,
        excluded.market_code,
        excluded.source_modified_at,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as send_before_at,
        'none' as consent_requirement,
        'send' as verdict,
        cast(null as varchar) as verdict_reason,
        cast(null as varchar) as depends_on,
        false as waits_for_person,
        excluded.is_test,
        excluded.channel,
        excluded.purpose,
        excluded.iterable_channel_id
    from excluded
    left join outcomes on excluded.subject = outcomes.subject
    where outcomes.fingerprint is distinct from excluded.fingerprint
)

select * from changed
