with states as (
    select * from {{ ref('int_consent__state') }}
),

subscriptions as (
    select * from {{ ref('int_subscriptions__current') }}
),

final as (
    select
        states.profile_id,
        states.person_key,
        states.market_code,
        states.channel,
        states.purpose,
        states.status,
        subscriptions.is_subscribed,
        case when subscriptions.is_subscribed then 'iterable' else 'consent' end as more_open,
        greatest(states.stated_at, subscriptions.changed_at) as since_at
    from states
    inner join subscriptions
        on
            states.profile_id = subscriptions.profile_id
            and states.channel = subscriptions.channel
            and states.purpose = subscriptions.purpose
    where states.is_messageable <> subscriptions.is_subscribed
)

select * from final
