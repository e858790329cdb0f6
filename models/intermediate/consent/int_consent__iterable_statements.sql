{{ config(materialized='table') }}
-- Grain: resource_type, event_id, channel, purpose. What people said in Iterable: events that it
-- recorded, and what users it knew before us had opted out of. An opt-out that names neither
-- channel nor message type counts for all of them; a grant that names none says nothing.
with configured as (
    select
        iterable_channels.channel,
        iterable_channels.purpose,
        cast(channels.id as varchar) as iterable_channel_id,
        cast(message_types.id as varchar) as iterable_message_type_id
    from {{ ref('iterable_channels') }} as iterable_channels
    left join {{ source('raw_iterable', 'channels') }} as channels
        on iterable_channels.iterable_channel_name = channels.name
    left join {{ source('raw_iterable', 'message_types') }} as message_types
        on iterable_channels.iterable_message_type_name = message_types.name
),

known as (
    select
        'iterable_event' as resource_type,
        event_key as event_id,
        event_type,
        email,
        user_id,
        coalesce(iterable_channel_ids, []) as iterable_channel_ids,
        coalesce(iterable_message_type_ids, []) as iterable_message_type_ids,
        status,
        is_by_person,
        -- events keep whole seconds: of two words in one the refusal counts
        case when status = 'withdrawn' then {{ ts_add_seconds('stated_at', 1) }} else stated_at end
            as stated_at,
        learned_at
    from {{ ref('stg_iterable__consent_events') }}

    union all

    select
        'iterable_user' as resource_type,
        {{ sha256_hex("coalesce(email, '') || chr(31) || coalesce(user_id, '')") }} as event_id,
        'found' as event_type,
        email,
        user_id,
        iterable_channel_ids,
        [] as iterable_message_type_ids,
        'withdrawn' as status,
        false as is_by_person,
        read_at as stated_at,
        read_at as learned_at
    from {{ ref('stg_iterable__users') }} as users
    where
        {{ list_size('iterable_channel_ids') }} > 0
        -- of people we had written to before this export, the opt-out may be our own
        and {{ is_found_before_us('users') }}
),

-- the echo of a write of ours is nobody's word
echoes as (
    select
        event_key,
        subscription_group,
        subscription_id
    from {{ ref('int_subscriptions__unsubscribes') }}
    where is_own
    union all
    select
        event_key,
        subscription_group,
        subscription_id
    from {{ ref('int_subscriptions__granted_by_us') }}
),

said as (
    select
        known.resource_type,
        known.event_id,
        known.event_type,
        known.email,
        known.user_id,
        configured.channel,
        configured.purpose,
        known.status,
        known.is_by_person,
        known.stated_at,
        known.learned_at
    from known
    inner join configured
        on
            {{ list_has('known.iterable_channel_ids', 'configured.iterable_channel_id') }}
            or {{ list_has(
                'known.iterable_message_type_ids', 'configured.iterable_message_type_id'
            ) }}
            or (
                known.status = 'withdrawn'
                and {{ list_size('known.iterable_channel_ids') }} = 0
                and {{ list_size('known.iterable_message_type_ids') }} = 0
            )
    where
        not exists (
            select 1 from echoes
            where
                known.event_id = echoes.event_key
                and cast(echoes.subscription_id as varchar) = case echoes.subscription_group
                    when 'messageChannel' then configured.iterable_channel_id
                    else configured.iterable_message_type_id
                end
        )
)

select * from said
