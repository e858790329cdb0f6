{# Parts of commercetools' documents that several resources share, for json_open. #}

{% macro shape_money() -%}
{{ return({'currencyCode': 'text', 'centAmount': 'long', 'preciseAmount': 'long', 'fractionDigits': 'long'}) }}
{%- endmacro %}

{% macro shape_line_item() -%}
{{ return({
    'id': 'text',
    'productId': 'text',
    'productKey': 'text',
    'productSlug': 'localized',
    'name': 'localized',
    'variant': {'sku': 'text', 'images': [{'url': 'text'}]},
    'price': {'value': shape_money(), 'discounted': {'value': shape_money()}},
    'quantity': 'long',
    'totalPrice': shape_money(),
    'taxedPrice': {'totalGross': shape_money()},
    'lineItemMode': 'text',
    'distributionChannel': {'id': 'text'}
}) }}
{%- endmacro %}

{# What an order and a cart have in common. #}
{% macro shape_basket() -%}
{{ return({
    'customerId': 'text',
    'customerEmail': 'text',
    'anonymousId': 'text',
    'store': {'key': 'text'},
    'country': 'text',
    'locale': 'text',
    'totalPrice': shape_money(),
    'lineItems': [shape_line_item()]
}) }}
{%- endmacro %}

{% macro shape_shipping_info() -%}
{{ return({
    'price': shape_money(),
    'discountedPrice': {'value': shape_money()},
    'taxedPrice': {'totalGross': shape_money()}
}) }}
{%- endmacro %}

{% macro shape_transaction() -%}
{{ return({'id': 'text', 'type': 'text', 'state': 'text', 'timestamp': 'text', 'amount': shape_money()}) }}
{%- endmacro %}

{% macro shape_address() -%}
{{ return({
    'firstName': 'text',
    'lastName': 'text',
    'company': 'text',
    'country': 'text',
    'phone': 'text',
    'mobile': 'text'
}) }}
{%- endmacro %}
