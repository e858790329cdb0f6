{# Ordered aggregates and lists. Order is always stated: an unordered list differs between two runs
   and resends people. #}

{% macro string_agg_ordered(expression, separator, order_by) -%}
{{ return(adapter.dispatch('string_agg_ordered', 'cartwire')(expression, separator, order_by)) }}
{%- endmacro %}
{% macro duckdb__string_agg_ordered(expression, separator, order_by) -%}
string_agg({{ expression }}, {{ separator }} order by {{ order_by }})
{%- endmacro %}

{% macro list_agg_ordered(expression, order_by) -%}
{{ return(adapter.dispatch('list_agg_ordered', 'cartwire')(expression, order_by)) }}
{%- endmacro %}
{% macro duckdb__list_agg_ordered(expression, order_by) -%}
list({{ expression }} order by {{ order_by }})
{%- endmacro %}

{# One text of a list's elements; null elements are left out. #}
{% macro list_text(expression, separator) %}{{ return(adapter.dispatch('list_text', 'cartwire')(expression, separator)) }}{% endmacro %}
{% macro duckdb__list_text(expression, separator) -%}
array_to_string({{ expression }}, {{ separator }})
{%- endmacro %}

{% macro list_has(expression, element) %}{{ return(adapter.dispatch('list_has', 'cartwire')(expression, element)) }}{% endmacro %}
{% macro duckdb__list_has(expression, element) -%}
list_contains({{ expression }}, {{ element }})
{%- endmacro %}

{% macro list_size(expression) %}{{ return(adapter.dispatch('list_size', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__list_size(expression) -%}
len({{ expression }})
{%- endmacro %}

{# Each element through an SQL expression in which `element` names it. #}
{% macro list_map(expression, element, body) %}{{ return(adapter.dispatch('list_map', 'cartwire')(expression, element, body)) }}{% endmacro %}
{% macro duckdb__list_map(expression, element, body) -%}
list_transform({{ expression }}, lambda {{ element }}: {{ body }})
{%- endmacro %}

{# A struct from pairs of name and SQL expression, in the order given. #}
{% macro struct_of(fields) %}{{ return(adapter.dispatch('struct_of', 'cartwire')(fields)) }}{% endmacro %}
{% macro duckdb__struct_of(fields) -%}
struct_pack({% for name, expression in fields %}{{ name }} := {{ expression }}{{ ", " if not loop.last }}{% endfor %})
{%- endmacro %}

{# Rows of a list, in order; position from 1. Two lists side by side: `with ordinality` gives the same
   and takes ten times as long where the elements are wide (DuckDB 2.0). #}
{% macro list_each(expression, alias, item) %}{{ return(adapter.dispatch('list_each', 'cartwire')(expression, alias, item)) }}{% endmacro %}
{% macro duckdb__list_each(expression, alias, item) -%}
(
    select unnest({{ expression }}) as {{ item }}, unnest(range(1, len({{ expression }}) + 1)) as position
) as {{ alias }}
{%- endmacro %}

{# Both lists one after the other; a null list counts as empty. #}
{% macro list_append(first, second) %}{{ return(adapter.dispatch('list_append', 'cartwire')(first, second)) }}{% endmacro %}
{% macro duckdb__list_append(first, second) -%}
list_concat({{ first }}, {{ second }})
{%- endmacro %}

{# Structs whose member `value` is null left out, the rest in binary order of their first member. #}
{% macro list_of_present(expression) %}{{ return(adapter.dispatch('list_of_present', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__list_of_present(expression) -%}
list_sort(list_filter({{ expression }}, lambda entry: entry.value is not null))
{%- endmacro %}

{# The different elements of a list, in no order that may be relied on. #}
{% macro list_distinct_of(expression) %}{{ return(adapter.dispatch('list_distinct_of', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__list_distinct_of(expression) -%}
list_distinct({{ expression }})
{%- endmacro %}
