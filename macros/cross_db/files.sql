{# A table from a CSV file with a header, unless it exists; an empty cell is null. #}
{% macro table_from_csv(relation, path, column_types) -%}
{{ return(adapter.dispatch('table_from_csv', 'cartwire')(relation, path, column_types)) }}
{%- endmacro %}
{% macro duckdb__table_from_csv(relation, path, column_types) -%}
create table if not exists {{ relation }} as
select * from read_csv(
    '{{ path | replace("'", "''") }}', header = true, delim = ',', quote = '"', escape = '"',
    types = { {%- for column, type in column_types.items() %}'{{ column }}': '{{ type }}'{{ ", " if not loop.last }}{% endfor -%} }
)
{%- endmacro %}
