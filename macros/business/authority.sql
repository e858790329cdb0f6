{# Who dates the transitions of a kind in this installation: messages or history (control.authority, fixed at go-live). #}
{% macro authority_of(kind) -%}
coalesce(
    (select max(chosen.authority) from {{ source('control', 'authority') }} as chosen where chosen.kind = '{{ kind }}'),
    'history'
)
{%- endmacro %}
