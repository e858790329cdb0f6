{# Every path of a record that is read for consent: (resource, field_path), each once. #}
{% macro consent_paths() -%}
select
        resource,
        field_path
    from {{ ref('consent_fields') }}
    {% for path in ['email_path', 'stated_at_path', 'policy_version_path', 'proof_path'] -%}
    union
    select
        resource,
        {{ path }} as field_path
    from {{ ref('consent_evidence') }}
    where {{ path }} is not null
    {% endfor %}
{%- endmacro %}

{# How much a status takes away: the larger one counts where several systems disagree. #}
{% macro consent_restriction(status) -%}
case {{ status }}
    when 'withdrawn' then 4
    when 'denied' then 3
    when 'unknown' then 2
    when 'pending' then 1
    else 0
end
{%- endmacro %}

{# The rule of config/consent_rules.csv that counts now for each row of the relation `scopes` (attribute, market_code,
   channel, purpose): of those that fit the one that names most; scopes without a rule are left out. #}
{% macro consent_rule_of(scopes) -%}
select
        {{ scopes }}.*,
        rules.rule_id,
        rules.source_of_truth
    from {{ scopes }}
    inner join {{ ref('consent_rules') }} as rules
        on
            {{ scopes }}.attribute = rules.attribute
            and rules.market_code in ('*', {{ scopes }}.market_code)
            and rules.channel in ('*', {{ scopes }}.channel)
            and rules.purpose in ('*', {{ scopes }}.purpose)
    where
        rules.is_enabled
        and coalesce(rules.valid_from <= {{ as_of() }}, true)
        and coalesce(rules.valid_until > {{ as_of() }}, true)
    qualify row_number() over (
        partition by
            {{ scopes }}.attribute, {{ scopes }}.market_code, {{ scopes }}.channel, {{ scopes }}.purpose
        order by
            cast(rules.market_code <> '*' as integer)
            + cast(rules.channel <> '*' as integer)
            + cast(rules.purpose <> '*' as integer) desc,
            rules.rule_id
    ) = 1
{%- endmacro %}

{# Statuses that end messages by the person's own word. #}
{% macro is_refusal(status) -%}
{{ status }} in ('denied', 'withdrawn')
{%- endmacro %}

{# A grant that needs a confirmation is pending without one. #}
{% macro confirmed_word(word, is_confirmed) -%}
case
    when {{ word }} = 'to_confirm' and {{ is_confirmed }} then 'granted'
    when {{ word }} = 'to_confirm' then 'pending'
    else {{ word }}
end
{%- endmacro %}

{# Of several statuses the one that takes away most; nulls have nothing to say. #}
{% macro most_restrictive_of(statuses) -%}
case
    {%- for status in ['withdrawn', 'denied', 'unknown', 'pending', 'granted'] %}
    when '{{ status }}' in ({{ statuses | join(', ') }}) then '{{ status }}'
    {%- endfor %}
end
{%- endmacro %}
