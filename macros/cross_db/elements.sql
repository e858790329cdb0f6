{# Elements of lists and maps. #}

{# First element; null for an empty or null list. #}
{% macro list_first(expression) %}{{ return(adapter.dispatch('list_first', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__list_first(expression) -%}
{{ expression }}[1]
{%- endmacro %}

{# True when some element passes a condition in which `element` names it. #}
{% macro list_any(expression, element, condition) -%}
{{ return(adapter.dispatch('list_any', 'cartwire')(expression, element, condition)) }}
{%- endmacro %}
{% macro duckdb__list_any(expression, element, condition) -%}
coalesce(len(list_filter({{ expression }}, lambda {{ element }}: {{ condition }})) > 0, false)
{%- endmacro %}

{# Elements that pass a condition, in their order. #}
{% macro list_where(expression, element, condition) -%}
{{ return(adapter.dispatch('list_where', 'cartwire')(expression, element, condition)) }}
{%- endmacro %}
{% macro duckdb__list_where(expression, element, condition) -%}
list_filter({{ expression }}, lambda {{ element }}: {{ condition }})
{%- endmacro %}

{# Sum of whole numbers; 0 for an empty or null list, nulls count as 0. #}
{% macro list_total(expression) %}{{ return(adapter.dispatch('list_total', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__list_total(expression) -%}
coalesce(cast(list_sum({{ expression }}) as bigint), 0)
{%- endmacro %}

{# Value of a localized text for one locale; null when it has none. #}
{% macro map_value(expression, key) %}{{ return(adapter.dispatch('map_value', 'cartwire')(expression, key)) }}{% endmacro %}
{% macro duckdb__map_value(expression, key) -%}
{{ expression }}[{{ key }}]
{%- endmacro %}

{# Whole-number division rounded half away from zero; null when the divisor is 0. A plain `/` would
   go through a double. #}
{% macro divide_rounded(dividend, divisor) -%}
{{ return(adapter.dispatch('divide_rounded', 'cartwire')(dividend, divisor)) }}
{%- endmacro %}
{% macro duckdb__divide_rounded(dividend, divisor) -%}
cast(
    sign({{ dividend }}) * ((2 * abs({{ dividend }}) + {{ divisor }}) // nullif(2 * {{ divisor }}, 0)) as bigint
)
{%- endmacro %}

{# True when the whole text matches a pattern that is data (a column). #}
{% macro matches_fully(expression, pattern) %}{{ return(adapter.dispatch('matches_fully', 'cartwire')(expression, pattern)) }}{% endmacro %}
{% macro duckdb__matches_fully(expression, pattern) -%}
regexp_full_match({{ expression }}, {{ pattern }})
{%- endmacro %}

{# The first match of a pattern that is data (a column), replaced. #}
{% macro replace_once(expression, pattern, replacement) -%}
{{ return(adapter.dispatch('replace_once', 'cartwire')(expression, pattern, replacement)) }}
{%- endmacro %}
{% macro duckdb__replace_once(expression, pattern, replacement) -%}
regexp_replace({{ expression }}, {{ pattern }}, {{ replacement }})
{%- endmacro %}
