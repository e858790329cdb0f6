{# Canonical texts and the hashes over them. A change here resends everyone: tests/property/ holds
   golden values. #}

{# Canonical text of one value by contract type; null stays null (the field is absent). Iterable shows
   times in whole seconds: what differs by less is no difference. #}
{% macro canonical_value(expression, type) -%}
{%- if type == 'string' -%} cast({{ expression }} as varchar)
{%- elif type == 'long' -%} cast(cast({{ expression }} as bigint) as varchar)
{%- elif type == 'double' -%} {{ decimal_text(expression) }}
{%- elif type == 'boolean' -%} case when {{ expression }} then 'true' when not {{ expression }} then 'false' end
{%- elif type == 'date' -%} {{ ts_iso(ts_whole_seconds(expression)) }}
{%- elif type == 'string[]' -%} {{ list_text(expression, 'chr(31)') }}
{%- else -%} {{ exceptions.raise_compiler_error("canonical_value: unknown type '" ~ type ~ "'") }}
{%- endif -%}
{%- endmacro %}

{# Texts in a row, none of them null, with a separator between. One flat call: a chain of || is planned
   link by link, which took longer than running it. #}
{% macro flat_text(texts, separator) -%}
concat({{ texts | join(', ' ~ separator ~ ', ') }})
{%- endmacro %}

{# md5 over type and canonical text: an Iterable field whose type changed counts as changed. #}
{% macro field_fingerprint(type, value) -%}
{{ md5_hex(type ~ " || ':' || " ~ value) }}
{%- endmacro %}

{# sha256 over the field fingerprints of one row: an ordered list of (field, type, value) without
   nulls. #}
{% macro fields_fingerprint(fields) -%}
{{ sha256_hex(list_text(
    list_map(fields, 'entry', "entry.field || '=' || " ~ field_fingerprint('entry.type', 'entry.value')),
    'chr(10)'
)) }}
{%- endmacro %}

{# sha256 over (name, type, SQL expression) triples: one line a value, an absent one without '='. #}
{% macro row_fingerprint(columns) -%}
{%- set lines = [] -%}
{%- for name, type, expression in columns -%}
{%- do lines.append("'" ~ name ~ "' || coalesce('=' || " ~ canonical_value(expression, type) ~ ", '')") -%}
{%- endfor -%}
{{ sha256_hex(flat_text(lines, 'chr(10)')) }}
{%- endmacro %}

{# `<kind>-<32 hex>` over the project and what distinguishes the fact: never a polled version, run,
   send time or personal data. Iterable takes letters, digits and hyphens only, unique over all
   events of a project. #}
{% macro fact_id(kind, parts) -%}
{%- set texts = [project_key(), "'" ~ kind ~ "'"] -%}
{%- for part in parts -%}
{%- do texts.append("coalesce(cast(" ~ part ~ " as varchar), '')") -%}
{%- endfor -%}
'{{ kind | replace("_", "-") }}-' || left({{ sha256_hex(flat_text(texts, 'chr(31)')) }}, 32)
{%- endmacro %}

{# What the ledger compares for a row that is not simply sent: the verdict is part of it, so that a
   row that was held is planned again when the ground for holding it is gone, and not before. #}
{% macro verdict_fingerprint(fingerprint, verdict, reason) -%}
case
    when {{ verdict }} = 'send' then {{ fingerprint }}
    else {{ sha256_hex(verdict ~ " || ':' || " ~ reason ~ " || ':' || " ~ fingerprint) }}
end
{%- endmacro %}

{# The canonical text of a value as Iterable reads it back, by the type we want it to have:
   2024-02-03 10:11:12 +00:00 becomes a date of ours, 1200.0 becomes 1200. What is not of that type
   stays as it is, and so counts as different. #}
{% macro iterable_value(text, type) -%}
coalesce(
    case {{ type }}
        when 'date' then {{ canonical_value(try_ts_from_iso("replace(replace(" ~ text ~ ", ' +', '+'), ' -', '-')"), 'date') }}
        when 'double' then {{ decimal_text('try_cast(' ~ text ~ ' as decimal(38, 8))') }}
        when 'long' then {{ decimal_text('try_cast(' ~ text ~ ' as decimal(38, 8))') }}
        when 'boolean' then lower({{ text }})
        when 'string[]' then {{ list_text(json_text_list('try_cast(' ~ text ~ ' as json)'), 'chr(31)') }}
        else {{ text }}
    end,
    {{ text }}
)
{%- endmacro %}
