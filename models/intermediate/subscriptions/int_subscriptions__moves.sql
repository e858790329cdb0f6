-- Grain: none; one row per thing known to have changed what a user at Iterable is subscribed
-- to: our accepted writes, what was found at first sight, and what people left there. `said_at`
-- is what a grant has to be newer than; null where nobody said anything (created unsubscribed).
with writes as (
    select * from {{ source('delivered', 'subscription_writes') }}
    where is_accepted
),

-- of people we had written to before this export, what it shows may be our own
found as (
    select users.* from {{ ref('stg_iterable__users') }} as users
    where not exists (
        select 1
        from {{ source('delivered', 'users') }} as delivered_users
        where
            delivered_users.accepted_at < users.read_at
            and (delivered_users.email = users.email or delivered_users.user_id = users.user_id)
    )
),

left_there as (
    select * from {{ ref('int_subscriptions__unsubscribes') }}
    where not is_own
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
        stated_at as said_at
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
            found.read_at as said_at
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
        -- events keep whole seconds: of two words in one the refusal counts
        {{ ts_add_seconds('unsubscribed_at', 1) }} as said_at
    from left_there
)

select * from moves
