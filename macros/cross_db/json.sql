{# Engine-specific JSON access. No `default__`: a new engine fails by the macro's name, not by a
   wrong value. #}

{# Text at a dotted path; JSON null and an absent key both come out as SQL null. #}
{% macro json_text(column, path) %}{{ return(adapter.dispatch('json_text', 'cartwire')(column, path)) }}{% endmacro %}
{% macro duckdb__json_text(column, path) -%}
json_extract_string({{ column }}, '$."{{ path | replace(".", '"."') }}"')
{%- endmacro %}

{# The JSON value at a dotted path, for another json_ macro to open. #}
{% macro json_value(column, path) %}{{ return(adapter.dispatch('json_value', 'cartwire')(column, path)) }}{% endmacro %}
{% macro duckdb__json_value(column, path) -%}
json_extract({{ column }}, '$."{{ path | replace(".", '"."') }}"')
{%- endmacro %}

{# Text at a path that is data (a column), for rules kept in config/. #}
{% macro json_text_at(column, path_expression) -%}
{{ return(adapter.dispatch('json_text_at', 'cartwire')(column, path_expression)) }}
{%- endmacro %}
{% macro duckdb__json_text_at(column, path_expression) -%}
json_extract_string({{ column }}, '$."' || replace({{ path_expression }}, '.', '"."') || '"')
{%- endmacro %}

{# Text of the member whose name is data, whatever characters the name has. #}
{% macro json_member(column, name_expression) -%}
{{ return(adapter.dispatch('json_member', 'cartwire')(column, name_expression)) }}
{%- endmacro %}
{% macro duckdb__json_member(column, name_expression) -%}
json_extract_string({{ column }}, '/' || replace(replace({{ name_expression }}, '~', '~0'), '/', '~1'))
{%- endmacro %}

{# Rows of a JSON array, in order: `cross join {{ json_each('lines', 'line_items', 'line') }}`;
   position from 1. #}
{% macro json_each(column, alias, item) %}{{ return(adapter.dispatch('json_each', 'cartwire')(column, alias, item)) }}{% endmacro %}
{% macro duckdb__json_each(column, alias, item) -%}
unnest(cast({{ column }} as json[])) with ordinality as {{ alias }} ({{ item }}, position)
{%- endmacro %}

{# Keys of a JSON object as rows: `cross join {{ json_each_key('document', 'entries', 'field') }}`.
   #}
{% macro json_each_key(column, alias, item) -%}
{{ return(adapter.dispatch('json_each_key', 'cartwire')(column, alias, item)) }}
{%- endmacro %}
{% macro duckdb__json_each_key(column, alias, item) -%}
unnest(json_keys({{ column }})) as {{ alias }} ({{ item }})
{%- endmacro %}

{# A JSON array of scalars as a list of texts; null when it is no array. #}
{% macro json_text_list(column) %}{{ return(adapter.dispatch('json_text_list', 'cartwire')(column)) }}{% endmacro %}
{% macro duckdb__json_text_list(column) -%}
case when json_type({{ column }}) = 'ARRAY' then cast({{ column }} as varchar[]) end
{%- endmacro %}

{# OBJECT, ARRAY, VARCHAR, BIGINT, UBIGINT, DOUBLE, BOOLEAN or NULL, as the engine reads the value.
   #}
{% macro json_type_of(column) %}{{ return(adapter.dispatch('json_type_of', 'cartwire')(column)) }}{% endmacro %}
{% macro duckdb__json_type_of(column) -%}
json_type({{ column }})
{%- endmacro %}
