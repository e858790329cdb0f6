{# Columns of one opened line item. Prices keep the digits they came with: highPrecision prices have more than their total. #}
{% macro line_item_columns(line) -%}
{{ line }}.id as line_id,
        {{ line }}.productId as product_id,
        {{ line }}.productKey as product_key,
        {{ line }}.variant.sku as sku,
        {{ line }}.name as product_names,
        {{ line }}.productSlug as product_slugs,
        {{ list_first(line ~ '.variant.images') }}.url as image_url,
        {{ line }}.quantity as quantity,
        {{ money_minor(line ~ '.price.value') }} as list_price_minor,
        cast({{ line }}.price.value.fractionDigits as integer) as list_price_digits,
        {{ money_minor(line ~ '.price.discounted.value') }} as discounted_price_minor,
        cast({{ line }}.price.discounted.value.fractionDigits as integer) as discounted_price_digits,
        coalesce({{ money_minor(line ~ '.taxedPrice.totalGross') }}, {{ line }}.totalPrice.centAmount) as line_total_minor,
        {{ line }}.totalPrice.centAmount as line_price_minor,
        cast({{ line }}.totalPrice.fractionDigits as integer) as line_total_digits,
        {{ line }}.distributionChannel.id as channel_id,
        coalesce({{ line }}.lineItemMode = 'GiftLineItem', false) as is_gift
{%- endmacro %}
