-- Grain: source, event_id, channel, purpose. What people opted out of in Iterable: events that it
-- recorded, and what users it knew before us had opted out of. An event that names no channel
-- counts for all of them.
with configured as (
    select
        iterable_channels.channel,
        iterable_channels.purpose,
        cast(channels.id as varchar) as iterable_channel_id
    from {{ ref('iterable_channels') }} as iterable_channels
    left join {{ source('raw_iterable', 'channels') }} as channels
        on iterable_channels.iterable_channel_name = channels.name
),

known as (
    select
        'iterable_unsubscribe' as source,
        event_key as event_id,
        email,
        user_id,
        iterable_channel_ids,
        stated_at,
        learned_at
    from {{ ref('stg_iterable__consent_events') }}
    where status = 'withdrawn'

    union all

    select
        'iterable_user' as source,
        {{ sha256_hex("coalesce(email, '') || chr(31) || coalesce(user_id, '')") }} as event_id,
        email,
        user_id,
        iterable_channel_ids,
        read_at as stated_at,
        read_at as learned_at
    from {{ ref('stg_iterable__users') }} as users
    where
        {{ list_size('iterable_channel_ids') }} > 0
        -- of people we had written to before this export, the opt-out may be our own
        and not exists (
            select 1
            from {{ source('delivered', 'users') }} as delivered_users
            where
                delivered_users.accepted_at < users.read_at
                and (delivered_users.email = users.email or delivered_users.user_id = users.user_id)
        )
),

withdrawals as (
    select
        known.source,
        known.event_id,
        known.email,
        known.user_id,
        configured.channel,
        configured.purpose,
        known.stated_at,
        known.learned_at
    from known
    inner join configured
        on
            {{ list_size('known.iterable_channel_ids') }} = 0
            or {{ list_has('known.iterable_channel_ids', 'configured.iterable_channel_id') }}
)

select * from withdrawals
