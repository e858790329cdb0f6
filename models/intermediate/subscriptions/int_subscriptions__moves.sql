-- Grain: none; one row per thing known to have changed what a user at Iterable is subscribed
-- to: our accepted writes, what was found at first sight, and what people left or came back to
-- there. `said_at` is what a grant has to be newer than; null where nobody said anything (created
-- unsubscribed). Events keep whole seconds: of what may have come first in one of them it is taken
-- that they are subscribed now, because saying an unsubscribe twice is harmless.
with writes as (
    select * from {{ source('delivered', 'subscription_writes') }}
    where is_accepted
),

-- of people we had written to before this export, what it shows may be our own
found as (
    select users.* from {{ ref('stg_iterable__users') }} as users
    where {{ is_found_before_us('users') }}
),

left_there as (
    select * from {{ ref('int_subscriptions__unsubscribes') }}
    where not is_own
),

said_yes as (
    select * from {{ ref('stg_iterable__consent_events') }}
    where status = 'granted'
),

moves as (
    select
        person_key,
        email,
        user_id,
        subscription_group,
        subscription_id,
        action = 'subscribe' as is_subscribed,
        settled_at as happened_at,
        stated_at as said_at,
        true as is_ours
    from writes
    {%- for group, ids, is_subscribed in [
        ('messageChannel', 'iterable_channel_ids', 'false'),
        ('messageType', 'unsubscribed_message_type_ids', 'false'),
        ('messageType', 'subscribed_message_type_ids', 'true'),
    ] %}
        union all
        select
            cast(null as varchar) as person_key,
            found.email,
            found.user_id,
            '{{ group }}' as subscription_group,
            try_cast(listed.entry as bigint) as subscription_id,
            {{ is_subscribed }} as is_subscribed,
            found.read_at as happened_at,
            found.read_at as said_at,
            false as is_ours
        from found
        cross join {{ list_each('coalesce(found.' ~ ids ~ ', [])', 'listed', 'entry') }}
    {%- endfor %}
    union all
    select
        cast(null as varchar) as person_key,
        email,
        user_id,
        subscription_group,
        subscription_id,
        false as is_subscribed,
        unsubscribed_at as happened_at,
        -- of two words in one second the refusal counts
        {{ ts_add_seconds('unsubscribed_at', 1) }} as said_at,
        false as is_ours
    from left_there
    {%- for group, ids in [
        ('messageChannel', 'iterable_channel_ids'), ('messageType', 'iterable_message_type_ids')
    ] %}
        union all
        select
            cast(null as varchar) as person_key,
            said_yes.email,
            said_yes.user_id,
            '{{ group }}' as subscription_group,
            try_cast(listed.entry as bigint) as subscription_id,
            true as is_subscribed,
            {{ ts_add_seconds('said_yes.stated_at', 1) }} as happened_at,
            said_yes.stated_at as said_at,
            false as is_ours
        from said_yes
        cross join {{ list_each('said_yes.' ~ ids, 'listed', 'entry') }}
    {%- endfor %}
)

select * from moves
