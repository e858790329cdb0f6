{# What people without a grant on any channel get of an object and kind, per market; for the ctes of the diffs. #}
{% macro consent_policies(object, kind) -%}
select
    market_code,
    without_consent
from {{ ref('int_policies__without_consent') }}
where object = '{{ object }}' and kind = '{{ kind }}'
{%- endmacro %}
