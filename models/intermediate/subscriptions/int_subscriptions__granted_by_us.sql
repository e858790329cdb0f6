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

told as (
    {%- for group, ids in [
        ('messageChannel', 'iterable_channel_ids'), ('messageType', 'iterable_message_type_ids')
    ] %}
        {% if not loop.first %}union all{% endif %}
        select
            events.event_key,
            '{{ group }}' as subscription_group,
            try_cast(listed.entry as bigint) as subscription_id,
            events.email,
            events.user_id,
            events.said_through,
            events.stated_at as subscribed_at
        from events
        cross join {{ list_each('events.' ~ ids, 'listed', 'entry') }}
    {%- endfor %}
),

final as (
    {{ echoes_of_ours('said_through', 'subscribed_at') }}
)

select * from final
