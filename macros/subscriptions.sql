{# Channels of the Iterable project by name; of two of one name we write to the older. Readings take each of them. #}
{% macro channels_by_name() -%}
select
    name,
    min(id) as channel_id
from {{ source('raw_iterable', 'channels') }}
group by name
{%- endmacro %}

{# What the rows of config/iterable_channels.csv stand for when we write: channel, purpose, channel_id and, with types,
   message_type_id and subscription_policy, both null where the row names no message type. A row whose channel the project
   lacks is left out. #}
{% macro iterable_targets(with_types=true) -%}
select
    named.channel,
    named.purpose,
    project_channels.channel_id
    {%- if with_types %},
    project_types.message_type_id,
    project_types.subscription_policy
    {%- endif %}
from {{ ref('iterable_channels') }} as named
inner join ({{ channels_by_name() }}) as project_channels
    on named.iterable_channel_name = project_channels.name
{%- if with_types %}
left join (
    select
        name,
        channel_id,
        min(id) as message_type_id,
        min(subscription_policy) as subscription_policy
    from {{ source('raw_iterable', 'message_types') }}
    group by name, channel_id
) as project_types
    on
        named.iterable_message_type_name = project_types.name
        and project_channels.channel_id = project_types.channel_id
{%- endif %}
{%- endmacro %}

{# Whether a grant (alias `grants`) stands against what unsubscribed its person (alias of `known_subscriptions`): it is the newer word, or
   it was our own withdrawal for a refusal that the rules have weighed. A refusal that only stage 1 could read stands. #}
{% macro is_outweighed(known) -%}
(
    {{ known }}.said_at is null
    or {{ known }}.said_at < grants.stated_at
    or ({{ known }}.is_ours and {{ known }}.said_at <= grants.refused_at)
)
{%- endmacro %}

{# What each event (CTE with event_key and both lists of ids) names: event_key, subscription_group, subscription_id. #}
{% macro subscriptions_named_by(events) -%}
{%- for group, ids in [('messageChannel', 'iterable_channel_ids'), ('messageType', 'iterable_message_type_ids')] %}
{% if not loop.first %}union all{% endif %}
select
    {{ events }}.event_key,
    '{{ group }}' as subscription_group,
    try_cast(listed.entry as bigint) as subscription_id
from {{ events }}
cross join {{ list_each(events ~ '.' ~ ids, 'listed', 'entry') }}
{%- endfor %}
{%- endmacro %}

{# Events (CTE `told`: event_key, subscription_group, subscription_id, email, user_id) that are only the echo of a write of ours (CTE
   `writes`, of the same action): said by the API, of the very thing that we did to this user, while we did. Clocks differ and events keep
   whole seconds, so a few minutes to both sides count. said_through, said_at: columns of `told`. #}
{% macro echoes_of_ours(said_through, said_at) -%}
{%- for name in ['user_id', 'email'] %}
{% if not loop.first %}union{% endif %}
select
    told.event_key,
    told.subscription_group,
    told.subscription_id
from told
inner join writes
    on
        told.subscription_group = writes.subscription_group
        and told.subscription_id = writes.subscription_id
        and told.{{ name }} = writes.{{ name }}
where
    told.{{ said_through }} = 'API'
    and told.{{ said_at }} >= {{ ts_add_minutes('writes.claimed_at', -5) }}
    and told.{{ said_at }} <= {{ ts_add_minutes('writes.settled_at', 5) }}
    {%- if name == 'email' %}
        -- where userIds identify, several users may have the address
        and not {{ project_identifies_by('user_id') }}
    {%- endif %}
{%- endfor %}
{%- endmacro %}

{# Rows of the CTE `moves` with the profile_id of whose they are: of the person, of who is called so by userId, or by address
   unless the user of that address is gone since. `people`: CTE with profile_id, person_key, user_id and an address (`email`). #}
{% macro moves_of(people, email) -%}
{%- for ours, theirs in [('person_key', 'person_key'), ('user_id', 'user_id'), (email, 'email')] %}
{% if not loop.first %}union{% endif %}
select
    {{ people }}.profile_id,
    moves.*
from {{ people }}
inner join moves on {{ people }}.{{ ours }} = moves.{{ theirs }}
{%- if theirs == 'email' %}
where
    -- where userIds identify, several users may have the address
    not {{ project_identifies_by('user_id') }}
    and not exists (
        select 1 from {{ source('delivered', 'gone_users') }} as gone_users
        where
            gone_users.email = moves.email
            and gone_users.gone_at >= moves.happened_at
            and gone_users.person_key is distinct from {{ people }}.person_key
    )
{%- endif %}
{%- endfor %}
{%- endmacro %}
