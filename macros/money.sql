{# Money of commercetools: {type, currencyCode, centAmount, fractionDigits[, preciseAmount]} as a
   JSON column. A highPrecision amount counts in its own finer unit, and fractionDigits says which.
   #}

{% macro minor_units(column) -%}
cast(coalesce({{ json_text(column, 'preciseAmount') }}, {{ json_text(column, 'centAmount') }}) as bigint)
{%- endmacro %}

{% macro fraction_digits(column) -%}
cast({{ json_text(column, 'fractionDigits') }} as integer)
{%- endmacro %}

{# Exact decimal(28, 4) of whole minor units. A division by a power of ten would become a double in
   DuckDB, so it is a product of decimals; yen has 0 digits, the dinar 3, high precision up to 12
   and is rounded half up. #}
{% macro amount(minor_units, fraction_digits) -%}
cast(
    cast({{ minor_units }} as decimal(22, 0)) * case {{ fraction_digits }}
        {%- for digits in range(13) %}
        when {{ digits }} then cast('{{ '1' if digits == 0 else '0.' ~ '0' * (digits - 1) ~ '1' }}' as decimal(13, 12))
        {%- endfor %}
    end as decimal(28, 4)
)
{%- endmacro %}
