-- Grain: subject (person_key and what is subscribed). What each person may be subscribed to at
-- Iterable by their own word: a channel where everything that uses it was granted, and the
-- message type that a row of config/iterable_channels.csv names. Whether Iterable needs to be
-- told is the diff's to find.
with refusals as (
    -- of everything that the rules have weighed
    select
        profile_id,
        channel,
        purpose,
        max(stated_at) as refused_at
    from {{ ref('consent_history') }}
    where status in ('denied', 'withdrawn')
    group by profile_id, channel, purpose
),

consent as (
    select
        states.*,
        refusals.refused_at
    from {{ ref('consent_state') }} as states
    left join refusals
        on
            states.profile_id = refusals.profile_id
            and states.channel = refusals.channel
            and states.purpose = refusals.purpose
),

people as (
    select * from {{ ref('iterable_users') }}
    where should_exist and is_owner
),

configured as (
    {{ iterable_targets() }}
),

wanted as (
    select
        consent.profile_id,
        'messageChannel' as subscription_group,
        configured.channel_id as subscription_id,
        'OptOut' as subscription_policy,
        configured.channel_id as iterable_channel_id,
        consent.channel || ':' || consent.purpose as consent_scope,
        consent.is_messageable,
        consent.stated_at,
        consent.refused_at
    from consent
    inner join configured
        on consent.channel = configured.channel and consent.purpose = configured.purpose
    union all
    select
        consent.profile_id,
        'messageType' as subscription_group,
        configured.message_type_id as subscription_id,
        configured.subscription_policy,
        configured.channel_id as iterable_channel_id,
        consent.channel || ':' || consent.purpose as consent_scope,
        consent.is_messageable,
        consent.stated_at,
        consent.refused_at
    from consent
    inner join configured
        on consent.channel = configured.channel and consent.purpose = configured.purpose
    where configured.message_type_id is not null
),

-- several consents may use one channel of Iterable: one without a grant keeps it closed
granted as (
    select
        profile_id,
        subscription_group,
        subscription_id,
        subscription_policy,
        iterable_channel_id,
        {{ list_agg_ordered('consent_scope', 'consent_scope') }} as consent_scope,
        max(stated_at) as stated_at,
        max(refused_at) as refused_at
    from wanted
    group by
        profile_id, subscription_group, subscription_id, subscription_policy, iterable_channel_id
    having bool_and(coalesce(is_messageable, false)) and count(*) = count(stated_at)
),

final as (
    select
        people.person_key || ':' || granted.subscription_group || ':' || granted.subscription_id
            as subject,
        people.profile_id,
        people.person_key,
        granted.subscription_group,
        granted.subscription_id,
        granted.subscription_policy,
        granted.iterable_channel_id,
        granted.consent_scope,
        granted.stated_at,
        granted.refused_at,
        people.market_code,
        people.is_test
    from granted
    inner join people on granted.profile_id = people.profile_id
)

select * from final
