{# An event is one model in models/activation/events/ and the YAML beside it. Its name is the model's
   name; what Iterable is told is the columns with a `field` in the YAML, in that order. #}

{# post-hook of every event model (dbt_project.yml): its changed rows into changes.changed_events and
   its new history into changes.new_held_history, in place of those it put there before. A kind that
   fails leaves the rows of the others alone, and a new kind is listed nowhere. Most kinds have
   nothing new in most runs: asking first costs a sixth of planning both inserts. #}
{% macro collect_event(relation, kind) -%}
{%- set fact = event_fact(relation, kind) -%}
{{ forget_event(kind) }}
{%- if not execute or run_query(any_open_fact(fact)) | length > 0 -%}
{{ tell_event(fact) }}
{%- endif -%}
{%- endmacro %}

{% macro forget_event(kind) -%}
delete from {{ ref('changed_events') }} where kind = '{{ kind }}';
delete from {{ ref('new_held_history') }} where object = 'events' and kind = '{{ kind }}';
{%- endmacro %}

{% macro tell_event(fact) -%}
insert into {{ ref('changed_events') }}
{{ changed_event(fact) }};
insert into {{ ref('new_held_history') }}
{{ new_history(fact) }}
{%- endmacro %}

{% macro changed_event(fact) -%}
{%- set columns = contract_columns(fact.kind) -%}
{%- set compared = [('occurred_at', 'date', 'occurred_at')] -%}
{%- set fields, items = [], [] -%}
{%- for name, rules in columns if rules.type == 'items' -%}
{%- do items.append(name) -%}
{%- do compared.append((name, 'string[]', items_canonical(name))) -%}
{%- endfor -%}
{%- for name, rules in columns if rules.field and rules.type != 'items' -%}
{%- set value = canonical_value(name, rules.type) -%}
{%- if rules.is_compared -%}{%- do compared.append((rules.field, rules.type, name)) -%}{%- endif -%}
{%- do fields.append(struct_of([
    ('field', "'" ~ rules.field ~ "'"), ('type', "'" ~ rules.type ~ "'"), ('value', value)
])) -%}
{%- endfor -%}
{{ changed_facts(
    fact, 6,
    ['[' ~ fields | join(', ') ~ '] as fields', (items | first or 'cast(null as ' ~ items_type() ~ ')') ~ ' as items'],
    row_fingerprint(compared),
    has_order='order_id' in columns | map('first') | list,
    for_deleted=event_rules(fact.kind).for_deleted
) }}
{%- endmacro %}

{# What an event's contract says of the event as a whole. Nothing while dbt parses. #}
{% macro event_rules(kind) -%}
{%- if not execute -%}{{ return({}) }}{%- endif -%}
{%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ kind] -%}
{{ return((node.config.meta or node.meta).get('cartwire', {})) }}
{%- endmacro %}

{# (column, rules) of an event's contract, in the order of its YAML. Empty while dbt parses. #}
{% macro contract_columns(kind) -%}
{%- set columns = [] -%}
{%- if execute -%}
{%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ kind] -%}
{%- for column in node.columns.values() -%}
{%- set rules = (column.config.meta or column.meta).get('cartwire') -%}
{%- if rules -%}
{%- set known = {'type': 'string', 'field': none, 'is_compared': true} -%}
{%- do known.update(rules) -%}
{%- do columns.append((column.name, known)) -%}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ return(columns) }}
{%- endmacro %}

{# What every event and purchase says about itself, after its own columns. Needs the CTE `people`
   (profiles with an address).
   owner: alias that has market, store, channel, country, locale and currency.
   campaign: alias that has campaign_id and template_id; none where the record has none.
   currency: of the amounts, where it is not the owner's. #}
{% macro event_envelope(owner, resource_type, resource_id, resource_version, occurred_at, modified_at, campaign=none, currency=none) -%}
people.profile_id,
people.person_key,
people.customer_id,
case when people.customer_id is null then people.person_key end as guest_id,
{{ currency or owner ~ '.currency_code' }},
{{ owner }}.market_code,
{{ owner }}.store_key,
{{ owner }}.channel_key,
{{ owner }}.country_code,
{{ owner }}.locale,
'{{ resource_type }}' as resource_type,
{{ resource_id }} as resource_id,
cast({{ resource_version }} as bigint) as resource_version,
{{ campaign ~ '.campaign_id' if campaign else 'cast(null as bigint) as campaign_id' }},
{{ campaign ~ '.template_id' if campaign else 'cast(null as bigint) as template_id' }},
{{ occurred_at }} as occurred_at,
{{ modified_at }} as source_modified_at,
coalesce({{ occurred_at }} < {{ go_live_at() }}, false) as is_backfill,
people.is_test
{%- endmacro %}

{# Whether an event of a kind may still be sent: for its age, whatever its kind's, or because a
   backfill lets go what happened about then. Only then are its items listed, because listing those
   of all history would dominate every build. #}
{% macro may_be_sent(kind, occurred_at) -%}
(
    (
        {{ occurred_at }} >= {{ go_live_at() }}
        and {{ ts_add_hours(
            occurred_at, "(select max(kinds.max_age_hours) from " ~ ref('objects') ~ " as kinds where kinds.object = 'events')"
        ) }} > {{ as_of() }}
    )
    or {{ occurred_at }} between {{ released_bound('min', kind) }} and {{ released_bound('max', kind) }}
)
{%- endmacro %}

{# When the oldest (min) or newest (max) event of a kind happened that this run lets go; null for none. #}
{% macro released_bound(bound, kind) -%}
(
    select {{ bound }}(released.occurred_at) from {{ ref('released_history') }} as released
    where released.kind = '{{ kind }}'
)
{%- endmacro %}
