{# Code of the market of a store key, else of a country, else the default market. Repeats no row: one code or none. #}
{% macro market_of(store_key, country_code) -%}
coalesce(
    (select min(rules.market_code) from {{ ref('markets') }} as rules where rules.store_key = {{ store_key }}),
    (select min(rules.market_code) from {{ ref('markets') }} as rules where rules.country_code = {{ country_code }}),
    (select min(rules.market_code) from {{ ref('markets') }} as rules where rules.is_default)
)
{%- endmacro %}

{# A localized text: the locale asked for, then its language, then the market's locale and language, then the
   project's. `markets` is the market's row, `defaults` the default market's. #}
{% macro localized(texts, locale) -%}
coalesce(
    {{ map_value(texts, locale) }},
    {{ map_value(texts, "split_part(" ~ locale ~ ", '-', 1)") }},
    {{ map_value(texts, 'markets.locale') }},
    {{ map_value(texts, 'markets.default_language') }},
    {{ project_localized(texts) }}
)
{%- endmacro %}

{# The project's default language only, for names that must be the same for everyone. #}
{% macro project_localized(texts) -%}
coalesce({{ map_value(texts, 'defaults.locale') }}, {{ map_value(texts, 'defaults.default_language') }})
{%- endmacro %}

{# A product's page, from the pattern that config/markets.csv states. #}
{% macro product_url(slug) -%}
replace(markets.product_url_template, '{slug}', {{ slug }})
{%- endmacro %}
