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

{# Whether the Iterable project is of this type (ITERABLE_IDENTITY: hybrid, email or user_id). It is
   fixed for the life of a ledger, so no row changes its identifiers between two runs. #}
{% macro project_identifies_by(identity) -%}
coalesce((select run.identity from {{ source('control', 'run') }} as run) = '{{ identity }}', false)
{%- endmacro %}

{# The userId a person has at Iterable, the one place that says so. hybrid: customers have theirs,
   guests none. email: nobody has one. user_id: guests get `g-` and 32 hex of their key, which is a
   keyed hash: stable, and nothing personal in clear. 52 characters of printable ASCII at most. #}
{% macro iterable_user_id(customer_id, person_key) -%}
case
    when {{ project_identifies_by('email') }} then cast(null as varchar)
    when {{ project_identifies_by('user_id') }}
        then coalesce({{ customer_id }}, 'g-' || left({{ person_key }}, 32))
    else {{ customer_id }}
end
{%- endmacro %}

{# The userId of somebody found at Iterable, as far as it identifies: in an e-mail-based project
   userIds are not unique and say nothing. #}
{% macro identifying_user_id(user_id) -%}
case when not {{ project_identifies_by('email') }} then nullif({{ user_id }}, '') end
{%- endmacro %}

{# What one user at Iterable is called by: the address where addresses are unique, else the userId. #}
{% macro iterable_user(email, user_id) -%}
case
    when {{ project_identifies_by('user_id') }} then {{ user_id }}
    else coalesce({{ email }}, {{ user_id }})
end
{%- endmacro %}

{# Of users as found at first sight: nobody whom we deleted or renamed since. This and the next ask by id and by address apart:
   joined by "or", every user would be compared with every other.
   users: alias that has user_id; email: its address, lower-cased. #}
{% macro is_still_there(users, email=none) -%}
not exists (
    select 1 from {{ source('delivered', 'gone_users') }} as gone_users
    where gone_users.user_id = {{ users }}.user_id
)
and not exists (
    select 1 from {{ source('delivered', 'gone_users') }} as gone_users
    where gone_users.user_id is null and gone_users.email = {{ email or users ~ '.email' }}
)
{%- endmacro %}

{# Of users as found at first sight: nobody whom we had written to before, of whom that may show what we wrote.
   users: alias that has user_id, email and read_at. #}
{% macro is_found_before_us(users) -%}
{%- for name in ['user_id', 'email'] %}
{{ 'and ' if not loop.first }}not exists (
    select 1 from {{ source('delivered', 'users') }} as delivered_users
    where
        delivered_users.{{ name }} = {{ users }}.{{ name }}
        and delivered_users.accepted_at < {{ users }}.read_at
)
{%- endfor %}
{%- endmacro %}
