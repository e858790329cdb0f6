{# Facts (purchases, events) are sent once. Each is an activation model with an id and a time of its
   own; a fact here is a mapping of relation, object, kind, id and time, and
   of the column that may hold one for a reason of its own. #}

{% macro purchase_fact() -%}
{{ return({
    'relation': ref('iterable_purchases'),
    'object': 'purchases', 'kind': 'purchases', 'id': 'purchase_id', 'time': 'ordered_at',
    'hold': 'own_hold_reason'
}) }}
{%- endmacro %}

{% macro event_fact(relation, kind) -%}
{{ return({
    'relation': relation, 'object': 'events', 'kind': kind, 'id': 'event_id', 'time': 'occurred_at'
}) }}
{%- endmacro %}

{# Desired facts of a kind that were never accepted and are not yet known as history, with the
   ground on which they are history now. One that was held as history stays so, also when the
   configured age grows: only a backfill lets it go, marked as such, however old it is. #}
{% macro open_facts(fact) -%}
select
    {{ all_but('desired', 'is_backfill') }},
    coalesce(desired.is_backfill, false) or released.subject is not null as is_backfill,
    '{{ fact.object }}' as object,
    '{{ fact.kind }}' as kind,
    desired.{{ fact.id }} as subject,
    desired.{{ fact.time }} as happened_at,
    case
        when released.subject is null
            then {{ ts_add_hours('desired.' ~ fact.time, 'settings.max_age_hours') }}
    end as send_before_at,
    case
        when released.subject is not null then null
        when desired.{{ fact.time }} < {{ go_live_at() }} then 'before go-live'
        when desired.{{ fact.time }} < {{ kind_on_since(fact.kind) }} then 'before its kind was switched on'
        when {{ ts_add_hours('desired.' ~ fact.time, 'settings.max_age_hours') }} <= {{ as_of() }}
            then 'over the maximum age'
    end as history_reason,
    outcomes.fingerprint as settled_fingerprint,
    coalesce(outcomes.is_sticky, false) as is_settled_for_good,
    -- whatever the content became since, a second try could act twice
    coalesce(outcomes.is_sticky and outcomes.reason like 'outcome unknown%', false)
        as is_outcome_unknown,
    coalesce(outcomes.state in ('held', 'suppressed'), false) as is_withheld
from {{ fact.relation }} as desired
inner join {{ ref('objects') }} as settings
    on
        settings.object = '{{ fact.object }}'
        and settings.kind = '{{ fact.kind }}'
        and settings.is_enabled
left join {{ source('delivered', 'outcomes') }} as outcomes
    on outcomes.object = '{{ fact.object }}' and desired.{{ fact.id }} = outcomes.subject
left join {{ ref('released_history') }} as released
    on released.object = '{{ fact.object }}' and desired.{{ fact.id }} = released.subject
where
    outcomes.state is distinct from 'accepted'
    and (
        released.subject is not null
        or not exists (
            select 1
            from {{ source('delivered', 'held_history') }} as history
            where history.object = '{{ fact.object }}' and history.subject = desired.{{ fact.id }}
        )
    )
{%- endmacro %}

{# One row if there is any. #}
{% macro any_open_fact(fact) -%}
select 1 as found
from (
    {{ open_facts(fact) }}
) as open_facts
limit 1
{%- endmacro %}

{# What a run is the first to see as history of a kind: also what was held or suppressed until it was
   over age. What Iterable refused, or may have, is none. #}
{% macro new_history(fact) -%}
select
    object,
    kind,
    subject,
    person_key,
    happened_at as occurred_at,
    history_reason as reason,
    market_code
from (
    {{ open_facts(fact) }}
) as open_facts
where
    history_reason is not null
    and (not is_settled_for_good or (is_withheld and not is_outcome_unknown))
{%- endmacro %}

{# Facts of one kind that may still be sent, with their verdict: the common columns of changed
   rows, then `columns`, each a name or a SQL expression with its name.
   fingerprint: over the content; compared with the last verdict of a row that is not sent again.
   has_order: the rows name their order in order_id.
   for_deleted: about people who are gone from the shop; told as long as Iterable has them, else not. #}
{% macro changed_facts(fact, lane, columns, fingerprint, has_order, for_deleted=false) -%}
{%- set orders = ref('orders') -%}
with open_facts as (
    {{ open_facts(fact) }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

people_in_run as (
    select * from {{ ref('changed_users') }}
    where verdict = 'send'
),

policies as (
    {{ consent_policies(fact.object, fact.kind) }}
),

addressed as (
    select
        open_facts.*,
        recipients.email,
        recipients.user_id,
        {% if for_deleted -%}
            cast(null as varchar)
        {%- else -%}
            coalesce(recipients.hold_reason{{ ', open_facts.' ~ fact.hold if fact.hold }})
        {%- endif %} as hold_reason,
        recipients.is_reachable or people_in_run.person_key is not null as is_at_iterable,
        policies.without_consent,
        policies.without_consent = 'suppress' and not recipients.has_messageable_channel
            as lacks_consent,
        recipients.is_rename_planned or not recipients.is_reachable as waits_for_person
    from open_facts
    inner join recipients on open_facts.profile_id = recipients.profile_id
    inner join policies on recipients.market_code is not distinct from policies.market_code
    left join people_in_run on open_facts.person_key = people_in_run.person_key
    where
        open_facts.history_reason is null
        and not open_facts.is_outcome_unknown
        {%- if has_order %}
        -- what was sent about an order stays sent; about one that is deleted nothing more is said
        and not exists (
            select 1
            from {{ orders }} as deleted_orders
            where deleted_orders.order_id = open_facts.order_id and deleted_orders.is_deleted
        )
        {%- endif %}
        {%- if for_deleted %}
            and recipients.is_reachable
        {%- endif %}
),

judged as (
    select
        *,
        {{ fingerprint }} as content_fingerprint,
        {{ verdict_of_person() }} as verdict,
        {{ verdict_reason_of_person() }} as verdict_reason
    from addressed
),

fingerprinted as (
    select
        *,
        {{ verdict_fingerprint('content_fingerprint', 'verdict', 'verdict_reason') }} as row_fingerprint
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
        {{ lane }} as lane,
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
