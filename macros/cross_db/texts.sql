{# Every match of a pattern replaced. #}
{% macro replace_pattern(expression, pattern, replacement) -%}
{{ return(adapter.dispatch('replace_pattern', 'cartwire')(expression, pattern, replacement)) }}
{%- endmacro %}
{% macro duckdb__replace_pattern(expression, pattern, replacement) -%}
regexp_replace({{ expression }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}

{% macro matches_pattern(expression, pattern) -%}
{{ return(adapter.dispatch('matches_pattern', 'cartwire')(expression, pattern)) }}
{%- endmacro %}
{% macro duckdb__matches_pattern(expression, pattern) -%}
regexp_matches({{ expression }}, '{{ pattern }}')
{%- endmacro %}

{# Decimal text without an exponent or trailing zeros: 12.5, 1200, 0. The type bounds what a double
   can bring in. #}
{% macro decimal_text(expression) %}{{ return(adapter.dispatch('decimal_text', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__decimal_text(expression) -%}
regexp_replace(cast(cast({{ expression }} as decimal(38, 8)) as varchar), '\.?0+$', '')
{%- endmacro %}
