-- Grain: event_key, channel, purpose. What people left at Iterable and a write of ours then
-- gave them back, because their word slipped in between the last read and the write: Iterable
-- cannot compare and set. A grant gives back its own subscription, and what was said later than
-- its word stands; in projects without the additive endpoints every write replaces a whole
-- array, and loses what a reading did not show yet. Part of stage 1.
with left_there as (
    select * from {{ ref('int_subscriptions__unsubscribes') }}
    where not is_own
),

writes as (
    select * from {{ source('delivered', 'subscription_writes') }}
    where action = 'subscribe' or is_overwriting
),

channels as (
    select
        iterable_channels.channel,
        iterable_channels.purpose,
        project_channels.id as channel_id,
        project_types.id as message_type_id
    from {{ ref('iterable_channels') }} as iterable_channels
    inner join {{ source('raw_iterable', 'channels') }} as project_channels
        on iterable_channels.iterable_channel_name = project_channels.name
    left join {{ source('raw_iterable', 'message_types') }} as project_types
        on
            iterable_channels.iterable_message_type_name = project_types.name
            and project_channels.id = project_types.channel_id
),

written as (
    {%- for name in ['user_id', 'email'] %}
        {% if not loop.first %}union all{% endif %}
        select
            left_there.*,
            writes.email as written_email,
            writes.user_id as written_user_id,
            writes.subscription_group as written_group,
            writes.subscription_id as written_id,
            writes.action,
            writes.is_overwriting,
            writes.stated_at as granted_at,
            writes.claimed_at,
            writes.settled_at as written_at
        from left_there
        inner join writes on left_there.{{ name }} = writes.{{ name }}
        {%- if name == 'email' %}
            -- where userIds identify, several users may have the address
            where not {{ project_identifies_by('user_id') }}
        {%- endif %}
    {%- endfor %}
),

overwritten as (
    select * from written
    where
        unsubscribed_at <= {{ ts_add_minutes('written_at', 5) }}
        and case
            when subscription_group = written_group and subscription_id = written_id
                then
                    action = 'subscribe'
                    and {{ ts_add_seconds('unsubscribed_at', 1) }} > granted_at
            else is_overwriting and unsubscribed_at >= {{ ts_add_minutes('claimed_at', -15) }}
        end
),

undone as (
    select distinct
        overwritten.event_key,
        case
            when coalesce(overwritten.user_id, overwritten.written_user_id) not like 'g-%'
                then coalesce(overwritten.user_id, overwritten.written_user_id)
        end as customer_id,
        coalesce(overwritten.email, overwritten.written_email) as email,
        channels.channel,
        channels.purpose,
        {{ ts_add_seconds('overwritten.unsubscribed_at', 1) }} as stated_at,
        overwritten.read_at as learned_at
    from overwritten
    inner join channels
        on
            (
                overwritten.subscription_group = 'messageChannel'
                and overwritten.subscription_id = channels.channel_id
            )
            or (
                overwritten.subscription_group = 'messageType'
                and overwritten.subscription_id = channels.message_type_id
            )
)

select * from undone
