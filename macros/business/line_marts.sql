{# Lines of orders and of carts say the same things in the same way. `basket` is the order or cart they belong to; the
   query around it joins products, category_lists, markets and defaults. #}
{% macro described_line(basket) -%}
lines.line_number,
        lines.line_id,
        lines.product_id,
        coalesce(lines.sku, products.sku, lines.product_key, lines.product_id) as sku,
        coalesce(
            {{ localized('lines.product_names', basket ~ '.locale') }},
            {{ localized('products.product_names', basket ~ '.locale') }},
            lines.product_key,
            lines.product_id
        ) as product_name,
        coalesce(category_lists.category_keys, []) as category_keys,
        coalesce(category_lists.category_breadcrumbs, []) as category_breadcrumbs,
        lines.quantity,
        {{ unit_amount(
            'coalesce(lines.discounted_price_minor, lines.list_price_minor)',
            'coalesce(lines.discounted_price_digits, lines.list_price_digits)'
        ) }} as unit_price,
        lines.line_total_minor,
        lines.line_total_digits,
        {{ basket }}.currency_code,
        lines.is_gift,
        coalesce(lines.image_url, products.image_url) as image_url,
        {{ product_url(
            'coalesce(' ~ localized('lines.product_slugs', basket ~ '.locale') ~ ', '
            ~ localized('products.product_slugs', basket ~ '.locale') ~ ')'
        ) }} as product_url
{%- endmacro %}
