{# Profile fields that ship with the product: (column of iterable_users, Iterable field, type). A
   test compares the list with the contract in models/activation/iterable_users.yml. Fields from
   custom attributes come from config/ instead. #}
{% macro profile_fields() -%}
{{ return([
    ('profile_type', 'profileType', 'string'),
    ('is_email_verified', 'emailVerified', 'boolean'),
    ('first_name', 'firstName', 'string'),
    ('last_name', 'lastName', 'string'),
    ('company_name', 'companyName', 'string'),
    ('phone_e164', 'phoneNumber', 'string'),
    ('locale', 'locale', 'string'),
    ('language', 'language', 'string'),
    ('time_zone', 'timeZone', 'string'),
    ('market_code', 'market', 'string'),
    ('store_key', 'store', 'string'),
    ('channel_key', 'channel', 'string'),
    ('country_code', 'country', 'string'),
    ('currency_code', 'currency', 'string'),
    ('customer_group_key', 'customerGroup', 'string'),
    ('profile_created_at', 'profileCreatedAt', 'date'),
    ('order_count', 'orderCount', 'long'),
    ('lifetime_value_gross', 'lifetimeValueGross', 'double'),
    ('lifetime_value_net', 'lifetimeValueNet', 'double'),
    ('average_order_value', 'averageOrderValue', 'double'),
    ('first_purchase_at', 'firstPurchaseAt', 'date'),
    ('last_purchase_at', 'lastPurchaseAt', 'date'),
    ('top_categories', 'topCategories', 'string[]'),
    ('last_cart_at', 'lastCartAt', 'date')
]) }}
{%- endmacro %}

{# The shipped columns as a list of (field, type, canonical value). #}
{% macro profile_field_list() -%}
[
    {%- for column, field, type in profile_fields() %}
    {{ struct_of([
        ('field', "'" ~ field ~ "'"), ('type', "'" ~ type ~ "'"), ('value', canonical_value(column, type))
    ]) }}{{ "," if not loop.last }}
    {%- endfor %}
]
{%- endmacro %}

{# The consent object at Iterable: one member per channel and purpose. #}
{% macro consent_field(channel, purpose) -%}
{{ channel }} || '_' || {{ purpose }}
{%- endmacro %}
