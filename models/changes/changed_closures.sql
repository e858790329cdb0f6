-- Grain: subject (person_key and channel). People who are subscribed at Iterable, as far as we
-- know, and must not be: by a rule of config/ rather than by a word that stage 1 reads (a grant
-- expired, too young, suppressed, a refusal elsewhere that outweighs), or because
-- config/consent_policies.csv keeps out who granted nothing. They are unsubscribed, never deleted.
with recipients as (
    select * from {{ ref('recipients') }}
    where is_known and hold_reason is null
),

policies as (
    {{ consent_policies('users', 'users') }}
),

people as (
    select * from {{ ref('iterable_users') }}
),

consent as (
    select * from {{ ref('consent_state') }}
    where not is_messageable
),

channels as (
    {{ iterable_targets(with_types=false) }}
),

withdrawals as (
    select * from {{ ref('changed_withdrawals') }}
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

closed as (
    select
        recipients.person_key,
        recipients.email,
        recipients.user_id,
        people.market_code,
        people.source_modified_at,
        people.is_test,
        consent.channel,
        consent.purpose,
        channels.channel_id as iterable_channel_id,
        recipients.person_key
        || ':' || consent.channel
        || case when consent.purpose = 'marketing' then '' else ':' || consent.purpose end
            as subject,
        {{ sha256_hex(
            "'closed' || chr(31) || channels.channel_id || chr(31) || coalesce("
            ~ ts_iso('known.happened_at') ~ ", '')"
        ) }} as fingerprint
    from recipients
    cross join settings
    inner join people on recipients.profile_id = people.profile_id
    left join policies on recipients.market_code is not distinct from policies.market_code
    inner join consent on recipients.profile_id = consent.profile_id
    inner join channels
        on consent.channel = channels.channel and consent.purpose = channels.purpose
    left join known
        on
            recipients.profile_id = known.profile_id
            and channels.channel_id = known.subscription_id
    where
        coalesce(known.is_subscribed, true)
        and (
            consent.status in ('denied', 'withdrawn')
            or (
                policies.without_consent = 'suppress'
                and not coalesce(recipients.has_messageable_channel, false)
            )
        )
),

changed as (
    select
        'withdrawals' as object,
        'closure' as kind,
        closed.subject,
        closed.person_key,
        closed.email,
        closed.user_id,
        closed.fingerprint,
        1 as lane,
        closed.market_code,
        closed.source_modified_at,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as send_before_at,
        'none' as consent_requirement,
        'send' as verdict,
        cast(null as varchar) as verdict_reason,
        cast(null as varchar) as depends_on,
        false as waits_for_person,
        closed.is_test,
        closed.channel,
        closed.purpose,
        closed.iterable_channel_id
    from closed
    left join outcomes on closed.subject = outcomes.subject
    where
        outcomes.fingerprint is distinct from closed.fingerprint
        -- stage 1 of this run said it
        and closed.subject not in (select withdrawals.subject from withdrawals)
)

select * from changed
