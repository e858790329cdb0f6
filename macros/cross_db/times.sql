{# Times are naive UTC timestamps from staging on; only these macros know how an engine says so. #}

{# A timestamp with time zone as naive UTC. #}
{% macro ts_utc(expression) %}{{ return(adapter.dispatch('ts_utc', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__ts_utc(expression) -%}
cast(({{ expression }}) at time zone 'UTC' as timestamp)
{%- endmacro %}

{# ISO 8601 text with Z or an offset as naive UTC; text that is no time stops the run. #}
{% macro ts_from_iso(expression) %}{{ return(adapter.dispatch('ts_from_iso', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__ts_from_iso(expression) -%}
cast(cast({{ expression }} as timestamptz) at time zone 'UTC' as timestamp)
{%- endmacro %}

{# As ts_from_iso, but null for text that is no time: for the lineage that nothing may stop. #}
{% macro try_ts_from_iso(expression) %}{{ return(adapter.dispatch('try_ts_from_iso', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__try_ts_from_iso(expression) -%}
cast(try_cast({{ expression }} as timestamptz) at time zone 'UTC' as timestamp)
{%- endmacro %}

{# Canonical text of a naive UTC timestamp: YYYY-MM-DDTHH:MM:SS.mmmZ. #}
{% macro ts_iso(expression) %}{{ return(adapter.dispatch('ts_iso', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__ts_iso(expression) -%}
strftime({{ expression }}, '%Y-%m-%dT%H:%M:%S.%gZ')
{%- endmacro %}

{# A timestamp without its fraction of a second. #}
{% macro ts_whole_seconds(expression) %}{{ return(adapter.dispatch('ts_whole_seconds', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__ts_whole_seconds(expression) -%}
date_trunc('second', {{ expression }})
{%- endmacro %}

{# Another text form, by strftime pattern. #}
{% macro ts_format(expression, pattern) %}{{ return(adapter.dispatch('ts_format', 'cartwire')(expression, pattern)) }}{% endmacro %}
{% macro duckdb__ts_format(expression, pattern) -%}
strftime({{ expression }}, '{{ pattern }}')
{%- endmacro %}

{# Milliseconds since 1970 of a naive UTC timestamp. #}
{% macro epoch_ms_of(expression) %}{{ return(adapter.dispatch('epoch_ms_of', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__epoch_ms_of(expression) -%}
epoch_ms({{ expression }})
{%- endmacro %}

{# A timestamp moved by a number of hours that may be a column. #}
{% macro ts_add_hours(expression, hours) %}{{ return(adapter.dispatch('ts_add_hours', 'cartwire')(expression, hours)) }}{% endmacro %}
{% macro duckdb__ts_add_hours(expression, hours) -%}
({{ expression }} + to_hours(cast({{ hours }} as bigint)))
{%- endmacro %}

{# A naive UTC timestamp as wall-clock time in an IANA zone that may be a column. #}
{% macro ts_in_zone(expression, zone) %}{{ return(adapter.dispatch('ts_in_zone', 'cartwire')(expression, zone)) }}{% endmacro %}
{% macro duckdb__ts_in_zone(expression, zone) -%}
(({{ expression }} at time zone 'UTC') at time zone {{ zone }})
{%- endmacro %}

{# As ts_add_hours, in minutes. #}
{% macro ts_add_minutes(expression, minutes) %}{{ return(adapter.dispatch('ts_add_minutes', 'cartwire')(expression, minutes)) }}{% endmacro %}
{% macro duckdb__ts_add_minutes(expression, minutes) -%}
({{ expression }} + to_minutes(cast({{ minutes }} as bigint)))
{%- endmacro %}

{# Whole minutes from one time to another. #}
{% macro ts_minutes_between(earlier, later) %}{{ return(adapter.dispatch('ts_minutes_between', 'cartwire')(earlier, later)) }}{% endmacro %}
{% macro duckdb__ts_minutes_between(earlier, later) -%}
date_sub('minute', {{ earlier }}, {{ later }})
{%- endmacro %}

{# A date moved by whole years, at midnight UTC; the 29th of February becomes the 28th where a year has none. #}
{% macro ts_add_years(expression, years) %}{{ return(adapter.dispatch('ts_add_years', 'cartwire')(expression, years)) }}{% endmacro %}
{% macro duckdb__ts_add_years(expression, years) -%}
cast({{ expression }} + to_years({{ years }}) as timestamp)
{%- endmacro %}

{# Text `YYYY-MM-DD` as a date; null for other text. #}
{% macro try_date(expression) %}{{ return(adapter.dispatch('try_date', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__try_date(expression) -%}
try_cast({{ expression }} as date)
{%- endmacro %}

{# As ts_add_hours, in seconds. #}
{% macro ts_add_seconds(expression, seconds) %}{{ return(adapter.dispatch('ts_add_seconds', 'cartwire')(expression, seconds)) }}{% endmacro %}
{% macro duckdb__ts_add_seconds(expression, seconds) -%}
({{ expression }} + to_seconds(cast({{ seconds }} as bigint)))
{%- endmacro %}
