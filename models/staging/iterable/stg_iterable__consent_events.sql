-- Grain: event_key. What people said about consent at Iterable, one statement per event. The same
-- happening told by webhook and by export is one statement (same person, type, channels, message
-- types and second; the export's counts). No statement: what names lists only, for who leaves a
-- static list leaves no channel; a bounce that is not final; a subscribe without a channel, a
-- message type or a readable time. Part of stage 1 of a sync, which nothing may stop.
with source as (
    select * from {{ source('raw_iterable', 'consent_events') }}
),

known_sources as (
    select * from {{ ref('iterable_subscription_sources') }}
),

-- a complaint and a bounce concern e-mail, whether or not they name a channel
email_channels as (
    select {{ list_agg_ordered('cast(id as varchar)', 'id') }} as iterable_channel_ids
    from {{ source('raw_iterable', 'channels') }}
    where lower(message_medium) = 'email'
),

double_opt_in_types as (
    select {{ list_agg_ordered('cast(id as varchar)', 'id') }} as iterable_message_type_ids
    from {{ source('raw_iterable', 'message_types') }}
    where lower(subscription_policy) like 'double%'
),

opened as (
    select
        event_key,
        origin,
        event_type,
        {{ fold_email('email') }} as email,
        {{ identifying_user_id('user_id') }} as user_id,
        coalesce({{ try_text_list('channel_ids') }}, []) as channel_ids,
        coalesce({{ try_text_list('message_type_ids') }}, []) as iterable_message_type_ids,
        coalesce({{ try_text_list('list_ids') }}, []) as list_ids,
        said_through,
        recipient_state,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('read_at') }} as learned_at
    from source
),

resolved as (
    select
        opened.event_key,
        opened.origin,
        opened.event_type,
        opened.email,
        -- a mailbox that is gone says something of the address, not of who had it
        case
            when opened.event_type <> 'emailBounce' or opened.email is null then opened.user_id
        end as user_id,
        case
            when
                opened.event_type in ('emailComplaint', 'emailBounce')
                and {{ list_size('opened.channel_ids') }} = 0
                then coalesce(email_channels.iterable_channel_ids, [])
            else opened.channel_ids
        end as iterable_channel_ids,
        opened.iterable_message_type_ids,
        {{ list_size('opened.list_ids') }} > 0
        and {{ list_size('opened.channel_ids') }} = 0
        and {{ list_size('opened.iterable_message_type_ids') }} = 0 as names_lists_only,
        {{ list_size('opened.channel_ids') }} = 0
        and {{ list_size('opened.iterable_message_type_ids') }} = 0 as names_nothing,
        {{ list_any(
            'opened.iterable_message_type_ids', 'type_id',
            list_has('double_opt_in_types.iterable_message_type_ids', 'type_id')
        ) }} as needs_confirmation,
        opened.said_through,
        opened.recipient_state,
        coalesce(
            known_sources.is_by_person,
            opened.event_type <> 'emailSubscribe' and lower(opened.said_through) not like '%api',
            opened.event_type <> 'emailSubscribe'
        ) as is_by_person,
        opened.created_at,
        opened.learned_at
    from opened
    cross join email_channels
    cross join double_opt_in_types
    left join known_sources on lower(opened.said_through) = lower(known_sources.said_through)
),

-- what only an API call asked for is confirmed by the subscribe that follows the person's reply
understood as (
    select
        *,
        case
            when event_type = 'emailBounce' and recipient_state = 'HardBounce' then 'withdrawn'
            when event_type = 'emailComplaint' then 'withdrawn'
            when event_type = 'emailUnSubscribe' and not names_lists_only then 'withdrawn'
            when event_type <> 'emailSubscribe' or names_nothing or created_at is null then null
            when needs_confirmation and not is_by_person then 'pending'
            else 'granted'
        end as status
    from resolved
),

identified as (
    select
        *,
        concat_ws(
            chr(31),
            coalesce(email, user_id),
            event_type,
            {{ list_text('iterable_channel_ids', "','") }},
            {{ list_text('iterable_message_type_ids', "','") }},
            coalesce({{ ts_format('created_at', '%Y-%m-%dT%H:%M:%S') }}, event_key)
        ) as happening
    from understood
    where status is not null and (email is not null or user_id is not null)
),

numbered as (
    select
        *,
        min(learned_at) over (partition by happening) as first_learned_at,
        row_number() over (partition by happening order by origin, learned_at, event_key) as telling
    from identified
),

statements as (
    select
        event_key,
        origin,
        event_type,
        status,
        email,
        user_id,
        iterable_channel_ids,
        iterable_message_type_ids,
        said_through,
        is_by_person,
        coalesce(created_at, first_learned_at) as stated_at,
        first_learned_at as learned_at
    from numbered
    where telling = 1
)

select * from statements
