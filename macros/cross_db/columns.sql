{# Every column of a relation but one. #}
{% macro all_but(relation, column) %}{{ return(adapter.dispatch('all_but', 'cartwire')(relation, column)) }}{% endmacro %}
{% macro duckdb__all_but(relation, column) -%}
{{ relation }}.* exclude ({{ column }})
{%- endmacro %}
