{# Small words for documents opened by json_open. #}

{# Whole minor units and the digits they count in: a highPrecision amount has its own, finer ones. #}
{% macro money_minor(money) -%}
coalesce({{ money }}.preciseAmount, {{ money }}.centAmount)
{%- endmacro %}

{# commercetools writes BalanceDue and both Cancelled and Canceled: one spelling in lower case, balance_due, cancelled. #}
{% macro status_word(expression) -%}
replace(lower({{ replace_pattern(expression, '([a-z])([A-Z])', '\\1_\\2') }}), 'canceled', 'cancelled')
{%- endmacro %}

{# Why a price cannot be read, as branches of a case; `name` is the field as commercetools calls it. #}
{% macro money_reasons(money, name) -%}
when {{ money }}.centAmount is null then '{{ name }}.centAmount is missing or not a whole number'
when {{ money }}.currencyCode is null then '{{ name }}.currencyCode is missing'
when {{ money }}.fractionDigits is null then '{{ name }}.fractionDigits is missing or not a whole number'
{%- endmacro %}

{# Why line items cannot be read, as branches of a case. A basket with one bad line is set aside whole, or its total
   would not be the sum of what it shows. #}
{% macro line_item_reasons(lines) -%}
when {{ lines }} is null then 'lineItems is missing or not a list'
when {{ list_any(lines, 'line', 'line is null or line.id is null') }} then 'a line item has no id'
when {{ list_any(lines, 'line', 'line.productId is null') }} then 'a line item has no productId'
when {{ list_any(lines, 'line', 'line.quantity is null') }}
    then 'a line item has no quantity, or one that is not a whole number'
when {{ list_any(lines, 'line', 'line.totalPrice.centAmount is null or line.totalPrice.fractionDigits is null') }}
    then 'a line item has no readable totalPrice'
{%- endmacro %}

{# Default shipping address, else default billing address, else the first one. #}
{% macro preferred_address(addresses, document) -%}
coalesce(
    {{ list_first(list_where(addresses, 'address', 'address.id = ' ~ document ~ '.defaultShippingAddressId')) }},
    {{ list_first(list_where(addresses, 'address', 'address.id = ' ~ document ~ '.defaultBillingAddressId')) }},
    {{ list_first(addresses) }}
)
{%- endmacro %}

{# What was asked for shipping: with tax where taxed, else after its discount, else its price. #}
{% macro shipping_minor(info) -%}
coalesce(
    {{ money_minor(info ~ '.taxedPrice.totalGross') }},
    {{ money_minor(info ~ '.discountedPrice.value') }},
    {{ money_minor(info ~ '.price') }},
    0
)
{%- endmacro %}

{# A field of an order's shipping address, else of its billing address. #}
{% macro address_text(field) -%}
coalesce(nullif(trim(doc.shippingAddress.{{ field }}), ''), nullif(trim(doc.billingAddress.{{ field }}), ''))
{%- endmacro %}

{# Minor units counted in other digits, rounded half up: a highPrecision price in the digits of its line total. #}
{% macro rescale(minor, from_digits, to_digits) -%}
case
    when {{ from_digits }} <= {{ to_digits }}
        then {{ minor }} * cast(power(10, {{ to_digits }} - {{ from_digits }}) as bigint)
    else {{ divide_rounded(minor, 'cast(power(10, ' ~ from_digits ~ ' - ' ~ to_digits ~ ') as bigint)') }}
end
{%- endmacro %}

{# The number of an address, the mobile one first: messages go to mobiles. #}
{% macro phone_of(address) -%}
coalesce(nullif(trim({{ address }}.mobile), ''), nullif(trim({{ address }}.phone), ''))
{%- endmacro %}

{# What was asked for shipping before tax is added: after its discount, else its price. #}
{% macro shipping_price_minor(info) -%}
coalesce({{ money_minor(info ~ '.discountedPrice.value') }}, {{ money_minor(info ~ '.price') }}, 0)
{%- endmacro %}

{# Keys of a line item that basket_content reads. #}
{% macro shape_basket_content() -%}
{{ return([{'id': 'text', 'productId': 'text', 'quantity': 'long', 'variant': {'sku': 'text'}}]) }}
{%- endmacro %}

{# What is in a basket, as text that changes when a line or its quantity does. #}
{% macro basket_content(lines) -%}
{{ list_text(list_map(
    lines, 'line', "coalesce(line.id, '') || ' ' || coalesce(line.productId, '') || ' ' || coalesce(line.variant.sku, '')"
    ~ " || ' ' || coalesce(cast(line.quantity as varchar), '')"
), 'chr(31)') }}
{%- endmacro %}

{# The furthest step towards an order that a cart has taken; null before the first. commercetools has no such field. #}
{% macro checkout_step(document) -%}
case
    when {{ list_size(document ~ '.paymentInfo.payments') }} > 0 then 'payment'
    when {{ document }}.shippingInfo.shippingMethodName is not null then 'shipping_method'
    when {{ document }}.shippingAddress.country is not null then 'shipping_address'
end
{%- endmacro %}

{# Keys of a cart that checkout_step reads. #}
{% macro shape_checkout() -%}
{{ return({
    'paymentInfo': {'payments': [{'id': 'text'}]},
    'shippingInfo': {'shippingMethodName': 'text'},
    'shippingAddress': {'country': 'text'}
}) }}
{%- endmacro %}

{# Where orders and carts keep what they are attributed to (config/order_attributes.csv), one row. #}
{% macro attribution_paths() -%}
select
        max(source_path) filter (where attribute = 'campaign_id') as campaign_path,
        max(source_path) filter (where attribute = 'template_id') as template_path
    from {{ ref('order_attributes') }}
{%- endmacro %}

{# For unopened(): a document opened under other paths is opened again. #}
{% macro attribution_paths_stand() -%}
opened_before.campaign_path is not distinct from (select paths.campaign_path from paths)
            and opened_before.template_path is not distinct from (select paths.template_path from paths)
{%- endmacro %}
