{# An event is one model in models/activation/events/ and the YAML beside it. Its name is the model's
   name; what Iterable is told is the columns with a `field` in the YAML, in that order. #}

{# post-hook of every event model (dbt_project.yml): its changed rows into changes.changed_events and
   its new history into changes.new_held_history, both made empty before. A kind that fails leaves
   the rows of the others alone, and a new kind is listed nowhere. #}
{% macro collect_event(relation, kind) -%}
{%- set fact = event_fact(relation, kind) -%}
delete from {{ ref('changed_events') }} where kind = '{{ kind }}';
insert into {{ ref('changed_events') }}
{{ changed_event(fact) }};
delete from {{ ref('new_held_history') }} where object = 'events' and kind = '{{ kind }}';
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
{%- do compared.append((rules.field, rules.type, name)) -%}
{%- do fields.append(struct_of([
    ('field', "'" ~ rules.field ~ "'"), ('type', "'" ~ rules.type ~ "'"), ('value', value)
])) -%}
{%- endfor -%}
{{ changed_facts(
    fact, 6,
    ['[' ~ fields | join(', ') ~ '] as fields', (items | first or 'cast(null as ' ~ items_type() ~ ')') ~ ' as items'],
    row_fingerprint(compared),
    has_order='order_id' in columns | map('first') | list
) }}
{%- endmacro %}

{# (column, rules) of an event's contract, in the order of its YAML. Empty while dbt parses. #}
{% macro contract_columns(kind) -%}
{%- set columns = [] -%}
{%- if execute -%}
{%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ kind] -%}
{%- for column in node.columns.values() -%}
{%- set rules = (column.config.meta or column.meta).get('cartwire') -%}
{%- if rules -%}
{%- set known = {'type': 'string', 'field': none} -%}
{%- do known.update(rules) -%}
{%- do columns.append((column.name, known)) -%}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ return(columns) }}
{%- endmacro %}
