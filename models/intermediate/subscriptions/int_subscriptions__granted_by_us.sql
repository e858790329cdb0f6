-- Grain: event_key, subscription_group, subscription_id. Subscribes among Iterable's events that
-- are only the echo of a grant of ours: the word behind it is older, and heard where it was said.
with events as (
    select * from {{ ref('stg_iterable__consent_events') }}
    where status in ('granted', 'pending')
),

writes as (
    select * from {{ source('delivered', 'subscription_writes') }}
    where action = 'subscribe'
),

named as (
    {{ subscriptions_named_by('events') }}
),

told as (
    select
        named.*,
        events.email,
        events.user_id,
        events.said_through,
        events.stated_at as subscribed_at
    from named
    inner join events on named.event_key = events.event_key
),

final as (
    {{ echoes_of_ours('said_through', 'subscribed_at') }}
)

select * from final
