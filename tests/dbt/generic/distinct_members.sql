{# A list of structs names no member twice: two mapped attributes may not claim one Iterable field.
   #}
{% test distinct_members(model, list_column, member) %}
{%- set names = list_map(list_column, 'entry', 'entry.' ~ member) %}
select *
from {{ model }}
where {{ list_size(names) }} <> {{ list_size(list_distinct_of(names)) }}
{% endtest %}
