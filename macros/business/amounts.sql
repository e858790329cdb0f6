{# Exact price of one piece. A highPrecision price has up to twelve digits here; totals never have more than four. #}
{% macro unit_amount(minor_units, fraction_digits) -%}
cast(
    cast({{ minor_units }} as decimal(22, 0)) * case {{ fraction_digits }}
        {%- for digits in range(13) %}
        when {{ digits }} then cast('{{ '1' if digits == 0 else '0.' ~ '0' * (digits - 1) ~ '1' }}' as decimal(13, 12))
        {%- endfor %}
    end as decimal(28, 12)
)
{%- endmacro %}

{# Mean of exact amounts, rounded half up to the digits of the currency; through whole numbers, because a division of
   decimals becomes a double in DuckDB. #}
{% macro mean_amount(total, number, fraction_digits) -%}
{{ amount(
    divide_rounded(
        'cast(' ~ total ~ ' * cast(power(10, ' ~ fraction_digits ~ ') as bigint) as bigint)', number
    ), fraction_digits
) }}
{%- endmacro %}
