-- Grain: event_key, subscription_group, subscription_id. What people left at Iterable, by its
-- events, and whether an event is only the echo of a write of ours. An event that names nothing
-- counts for every channel. Part of stage 1.
with events as (
    select * from {{ ref('stg_iterable__consent_events') }}
    where status = 'withdrawn'
),

configured as (
    select distinct channels.id as subscription_id
    from {{ ref('iterable_channels') }} as iterable_channels
    inner join {{ source('raw_iterable', 'channels') }} as channels
        on iterable_channels.iterable_channel_name = channels.name
),

writes as (
    select * from {{ source('delivered', 'subscription_writes') }}
    where action = 'unsubscribe' and cause <> 'creation'
),

named as (
    {{ subscriptions_named_by('events') }}
    union all
    select
        events.event_key,
        'messageChannel' as subscription_group,
        configured.subscription_id
    from events
    cross join configured
    where
        {{ list_size('events.iterable_channel_ids') }} = 0
        and {{ list_size('events.iterable_message_type_ids') }} = 0
),

told as (
    select
        named.event_key,
        named.subscription_group,
        named.subscription_id,
        events.email,
        events.user_id,
        events.said_through as unsubscribe_source,
        events.stated_at as unsubscribed_at,
        events.learned_at as read_at
    from named
    inner join events on named.event_key = events.event_key
    where named.subscription_id is not null
),

echoes as (
    {{ echoes_of_ours('unsubscribe_source', 'unsubscribed_at') }}
),

final as (
    select
        told.*,
        echoes.event_key is not null as is_own
    from told
    left join echoes
        on
            told.event_key = echoes.event_key
            and told.subscription_group = echoes.subscription_group
            and told.subscription_id = echoes.subscription_id
)

select * from final
