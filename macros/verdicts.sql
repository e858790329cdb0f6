{# What may become of the rows of a person, from hold_reason, is_at_iterable and lacks_consent: purchases, events and
   carts follow one rule. A row of somebody Iterable does not have would create the person, subscribed to everything. #}
{% macro verdict_of_person() -%}
case
    when hold_reason is not null then 'held'
    when lacks_consent then 'suppressed'
    when not is_at_iterable then 'held'
    else 'send'
end
{%- endmacro %}

{% macro verdict_reason_of_person() -%}
case
    when hold_reason is not null then hold_reason
    when lacks_consent then 'no consent on any channel'
    when not is_at_iterable then 'the person is not at Iterable'
end
{%- endmacro %}
