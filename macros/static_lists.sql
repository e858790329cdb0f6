{# (mart, column) of every boolean column in the contracts of the marts that have a row per profile:
   what config/iterable_lists.csv may refer to. A new flag in a mart needs no SQL to become a list. #}
{% macro flag_columns() -%}
{%- set found = [] -%}
{%- for mart in ['profiles', 'customer_metrics'] if execute -%}
{%- for column in graph.nodes['model.cartwire.' ~ mart].columns.values() if column.data_type == 'boolean' -%}
{%- do found.append((mart, column.name)) -%}
{%- endfor -%}
{%- endfor -%}
{{ return(found) }}
{%- endmacro %}
