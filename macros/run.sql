{# The instant this run looks at the world. Models never call now(): two runs at one instant give
   equal rows. #}
{% macro as_of() -%}
(select as_of from {{ source('control', 'run') }})
{%- endmacro %}

{# Where history ends: the first connection, or earlier if config/go_live.csv says so. #}
{% macro go_live_at() -%}
(
    select least(run.go_live_at, (select min(go_live.go_live_at) from {{ ref('go_live') }} as go_live))
    from {{ source('control', 'run') }} as run
)
{%- endmacro %}

{% macro project_key() -%}
(select project_key from {{ source('control', 'run') }})
{%- endmacro %}

{# Since when facts of a kind are switched on; null for who runs plain dbt. #}
{% macro kind_on_since(kind) -%}
(select max(kinds.on_since) from {{ source('control', 'kinds') }} as kinds where kinds.kind = '{{ kind }}')
{%- endmacro %}
