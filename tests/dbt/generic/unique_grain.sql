{# The stated grain: no two rows agree in all the columns. Nulls count as equal, unlike in `unique`.
   #}
{% test unique_grain(model, columns) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
