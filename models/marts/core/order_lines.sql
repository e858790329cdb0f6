with lines as (
    select * from {{ ref('int_orders__lines') }}
),

final as (
    select
        order_id || '-' || line_id as order_line_id,
        order_id,
        line_number,
        product_id,
        sku,
        product_name,
        category_keys,
        category_breadcrumbs,
        quantity,
        unit_price,
        {{ amount('line_total_minor', 'line_total_digits') }} as line_total,
        currency_code,
        is_gift,
        image_url,
        product_url
    from lines
)

select * from final
