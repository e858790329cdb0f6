{# Two enabled rules that name equally many columns must never fit the same person at the same instant: nobody could say which
   of them decided. Validity is half-open, so a rule may begin where another ends. `scope`: columns in which * means any. #}
{% test rules_do_not_tie(model, subject, scope) %}
with rules as (
    select
        *,
        {% for column in scope -%}
        cast({{ column }} <> '*' as integer){{ ' + ' if not loop.last }}
        {%- endfor %} as named_columns
    from {{ model }}
    where is_enabled
)

select
    first.rule_id,
    second.rule_id as ties_with
from rules as first
inner join rules as second
    on
        first.{{ subject }} = second.{{ subject }}
        and first.named_columns = second.named_columns
        and first.rule_id < second.rule_id
where
    coalesce(first.valid_from < second.valid_until, true)
    and coalesce(second.valid_from < first.valid_until, true)
    {%- for column in scope %}
    and (first.{{ column }} = second.{{ column }} or first.{{ column }} = '*' or second.{{ column }} = '*')
    {%- endfor %}
{% endtest %}
