{# The keys of a model, in one pass: what is unique in it, and what has to be found in another model under the same name.
   One test instead of one per key, because a node costs dbt more than the question. A failing row says which key.

   unique: list of keys, each a list of columns; nulls count as equal.
   found_in: column -> model; a row without a value belongs to none.
   #}
{% test keys(model, unique=[], found_in={}) %}
{%- set questions = [] %}
{%- for columns in unique %}
{%- set question %}
select '{{ columns | join(", ") }} is not unique' as broken_key, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- endset %}
{%- do questions.append(question) %}
{%- endfor %}
{%- for column, parent in found_in.items() %}
{%- set question %}
select '{{ column }} is not in {{ parent.identifier }}' as broken_key, count(*) as row_count
from {{ model }} as child
left join {{ parent }} as parent on child.{{ column }} = parent.{{ column }}
where child.{{ column }} is not null and parent.{{ column }} is null
having count(*) > 0
{%- endset %}
{%- do questions.append(question) %}
{%- endfor %}
{{ questions | join('\nunion all\n') }}
{% endtest %}
