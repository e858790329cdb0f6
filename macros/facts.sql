{# Facts (purchases, events) are sent once. Each is an activation model with an id and a time of its
   own. #}
{% macro fact_models() -%}
{{ return({
    'purchases': {
        'model': 'iterable_purchases',
        'object': 'purchases', 'id': 'purchase_id', 'time': 'ordered_at', 'lane': 4
    },
    'order_cancelled': {
        'model': 'order_cancelled',
        'object': 'events', 'id': 'event_id', 'time': 'occurred_at', 'lane': 6
    },
    'order_refunded': {
        'model': 'order_refunded',
        'object': 'events', 'id': 'event_id', 'time': 'occurred_at', 'lane': 6
    },
    'consent_changed': {
        'model': 'consent_changed',
        'object': 'events', 'id': 'event_id', 'time': 'occurred_at', 'lane': 6
    }
}) }}
{%- endmacro %}

{# Desired facts of a kind that were never accepted and are not yet known as history, with the
   ground on which they are history now. One that was held as history stays so, also when the
   configured age grows: only a release sends it. #}
{% macro open_facts(kind) -%}
{%- set fact = fact_models()[kind] -%}
select
    desired.*,
    '{{ fact.object }}' as object,
    '{{ kind }}' as kind,
    desired.{{ fact.id }} as subject,
    desired.{{ fact.time }} as happened_at,
    {{ ts_add_hours('desired.' ~ fact.time, 'settings.max_age_hours') }} as send_before_at,
    case
        when desired.{{ fact.time }} < {{ go_live_at() }} then 'before go-live'
        when {{ ts_add_hours('desired.' ~ fact.time, 'settings.max_age_hours') }} <= {{ as_of() }}
            then 'over the maximum age'
    end as history_reason,
    settings.without_consent,
    outcomes.fingerprint as settled_fingerprint,
    coalesce(outcomes.is_sticky, false) as is_settled_for_good,
    -- whatever the content became since, a second try could act twice
    coalesce(outcomes.is_sticky and outcomes.reason like 'outcome unknown%', false)
        as is_outcome_unknown
from {{ ref(fact.model) }} as desired
inner join {{ ref('objects') }} as settings
    on
        settings.object = '{{ fact.object }}'
        and settings.kind = '{{ kind }}'
        and settings.is_enabled
left join {{ source('delivered', 'outcomes') }} as outcomes
    on outcomes.object = '{{ fact.object }}' and desired.{{ fact.id }} = outcomes.subject
where
    outcomes.state is distinct from 'accepted'
    and not exists (
        select 1
        from {{ source('delivered', 'held_history') }} as history
        where history.object = '{{ fact.object }}' and history.subject = desired.{{ fact.id }}
    )
{%- endmacro %}

{# A whole changed_ model of one kind of fact: what may still be sent, with its verdict.
   columns: the model's own columns, after the common ones. #}
{% macro changed_facts(kind, columns) -%}
{%- set fact = fact_models()[kind] -%}
with open_facts as (
    {{ open_facts(kind) }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

people_in_run as (
    select * from {{ ref('changed_users') }}
    where verdict = 'send'
),

addressed as (
    select
        open_facts.*,
        recipients.email,
        recipients.user_id,
        recipients.hold_reason,
        recipients.is_reachable or people_in_run.person_key is not null as is_at_iterable,
        open_facts.without_consent = 'suppress' and not recipients.has_messageable_channel
            as lacks_consent,
        recipients.is_rename_planned or not recipients.is_reachable as waits_for_person
    from open_facts
    inner join recipients on open_facts.profile_id = recipients.profile_id
    left join people_in_run on open_facts.person_key = people_in_run.person_key
    where open_facts.history_reason is null and not open_facts.is_outcome_unknown
),

judged as (
    select
        *,
        {{ verdict_of_person() }} as verdict,
        {{ verdict_reason_of_person() }} as verdict_reason
    from addressed
),

fingerprinted as (
    select
        *,
        {{ verdict_fingerprint('fingerprint', 'verdict', 'verdict_reason') }} as row_fingerprint
    from judged
),

changed as (
    select
        object,
        kind,
        subject,
        person_key,
        email,
        user_id,
        row_fingerprint as fingerprint,
        {{ fact.lane }} as lane,
        market_code,
        source_modified_at,
        happened_at as occurred_at,
        send_before_at,
        case when without_consent = 'suppress' then 'any' else 'none' end as consent_requirement,
        verdict,
        verdict_reason,
        cast(null as varchar) as depends_on,
        waits_for_person,
        is_test,
        {%- for column in columns %}
        {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from fingerprinted
    where not (is_settled_for_good and settled_fingerprint is not distinct from row_fingerprint)
)

select * from changed
{%- endmacro %}
