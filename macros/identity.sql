{# The one way to compare addresses: Iterable stores them in lower case, commercetools keeps what
   was typed. #}
{% macro fold_email(expression) -%}
nullif(lower(trim({{ expression }})), '')
{%- endmacro %}

{# `customer:<id>` or `email:<folded address>`; null when a row has neither. Equals
   cartwire.person.subject_of. #}
{% macro person_subject(customer_id, email) -%}
coalesce('customer:' || {{ customer_id }}, 'email:' || {{ fold_email(email) }})
{%- endmacro %}

{# HMAC-SHA256 of a subject under CARTWIRE_SECRET, whose padded blocks lie in control.run and never
   in SQL text. #}
{% macro person_key(subject) -%}
{{ hmac_sha256_hex(
    "(select key_inner from " ~ source('control', 'run') ~ ")",
    "(select key_outer from " ~ source('control', 'run') ~ ")",
    subject
) }}
{%- endmacro %}
