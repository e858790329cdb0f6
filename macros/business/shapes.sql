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
    'taxedPrice': {'totalGross': shape_money()},
    'deliveries': [{
        'id': 'text',
        'createdAt': 'text',
        'items': [shape_moved_item()],
        'parcels': [{
            'id': 'text',
            'createdAt': 'text',
            'trackingData': {'trackingId': 'text', 'carrier': 'text'},
            'items': [shape_moved_item()]
        }]
    }]
}) }}
{%- endmacro %}

{# A line and how many of it, as deliveries and parcels list them. #}
{% macro shape_moved_item() -%}
{{ return({'id': 'text', 'quantity': 'long'}) }}
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

{# Where an order goes, of an address. #}
{% macro shape_place() -%}
{{ return({
    'firstName': 'text', 'lastName': 'text', 'company': 'text', 'streetName': 'text', 'streetNumber': 'text',
    'additionalStreetInfo': 'text', 'postalCode': 'text', 'city': 'text', 'region': 'text', 'country': 'text'
}) }}
{%- endmacro %}

{# One text of it, in which every part has its place: equal texts are equal addresses. #}
{% macro place_content(address) -%}
{%- set texts = [] -%}
{%- for key in shape_place() -%}{%- do texts.append("coalesce(" ~ address ~ "." ~ key ~ ", '')") -%}{%- endfor -%}
{{ texts | join(" || chr(31) || ") }}
{%- endmacro %}
