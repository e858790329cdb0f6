{# Every row satisfies an SQL expression; null counts as a failure. #}
{% test expression_holds(model, expression) %}
select *
from {{ model }}
where ({{ expression }}) is distinct from true
{% endtest %}
