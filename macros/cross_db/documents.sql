{# Opens a JSON document once, into a typed struct. `shape` is a mapping of key to type, [shape] for
   a list, or another mapping; types are text, long, boolean, json and localized (locale to text).
   Null-safe: a document that does not parse, an absent key and a value of the wrong type all come
   out as null, so that one bad record stops nothing. One parse for all keys: a call per key would
   parse a 12 kB order some forty times. #}
{% macro json_open(column, shape) %}{{ return(adapter.dispatch('json_open', 'cartwire')(column, shape)) }}{% endmacro %}
{% macro duckdb__json_open(column, shape) -%}
try(from_json({{ column }}, '{{ duckdb_json_shape(shape) }}'))
{%- endmacro %}

{# DuckDB's own words for a shape. #}
{% macro duckdb_json_shape(shape) -%}
{%- set types = {
    'text': '"VARCHAR"', 'long': '"BIGINT"', 'boolean': '"BOOLEAN"', 'json': '"JSON"', 'localized': '"MAP(VARCHAR, VARCHAR)"'
} -%}
{%- if shape is string -%}{{ types[shape] }}
{%- elif shape is mapping -%}
{%- set parts = [] -%}
{%- for key, value in shape.items() %}{% do parts.append('"' ~ key ~ '":' ~ duckdb_json_shape(value)) %}{% endfor -%}
{{ '{' ~ parts | join(',') ~ '}' }}
{%- else -%}[{{ duckdb_json_shape(shape[0]) }}]
{%- endif -%}
{%- endmacro %}

{# A document without some of its top-level keys, as text that serves only to compare two versions
   of one document. #}
{% macro json_without(column, keys) %}{{ return(adapter.dispatch('json_without', 'cartwire')(column, keys)) }}{% endmacro %}
{% macro duckdb__json_without(column, keys) -%}
cast(try(json_merge_patch({{ column }}, '{
{%- for key in keys %}"{{ key }}":null{{ "," if not loop.last }}{% endfor -%}
}')) as varchar)
{%- endmacro %}

{# As json_text_at, but null for a document that does not parse: for the lineage that nothing may
   stop. #}
{% macro try_json_text_at(column, path_expression) -%}
{{ return(adapter.dispatch('try_json_text_at', 'cartwire')(column, path_expression)) }}
{%- endmacro %}
{% macro duckdb__try_json_text_at(column, path_expression) -%}
try({{ json_text_at(column, path_expression) }})
{%- endmacro %}

{# A JSON array of scalars in a text as a list of texts; null when it is no array. #}
{% macro try_text_list(expression) %}{{ return(adapter.dispatch('try_text_list', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__try_text_list(expression) -%}
try_cast(try_cast({{ expression }} as json) as varchar[])
{%- endmacro %}
