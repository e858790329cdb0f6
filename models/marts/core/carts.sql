with carts as (
    select * from {{ ref('int_carts__identified') }}
),

current_carts as (
    select * from {{ ref('int_carts__current') }}
),

lines as (
    select
        *,
        {{ amount('line_total_minor', 'line_total_digits') }} as line_total
    from {{ ref('int_carts__lines') }}
),

line_lists as (
    select
        cart_id,
        sum(quantity) as item_count,
        {{ list_agg_ordered(struct_of([
            ('line_number', 'line_number'),
            ('product_id', 'product_id'),
            ('sku', 'sku'),
            ('product_name', 'product_name'),
            ('quantity', 'quantity'),
            ('unit_price', 'unit_price'),
            ('line_total', 'line_total'),
            ('category_breadcrumbs', 'category_breadcrumbs'),
            ('is_gift', 'is_gift'),
            ('image_url', 'image_url'),
            ('product_url', 'product_url')
        ]), 'line_number') }} as lines
    from lines
    group by cart_id
),

final as (
    select
        carts.cart_id,
        carts.profile_id,
        carts.person_key,
        carts.cart_status,
        carts.campaign_id,
        carts.template_id,
        carts.cart_version,
        current_carts.cart_id is not null as is_current,
        carts.currency_code,
        carts.fraction_digits,
        {{ amount('carts.cart_total_minor', 'carts.fraction_digits') }} as cart_total,
        cast(coalesce(line_lists.item_count, 0) as bigint) as item_count,
        coalesce(line_lists.lines, []) as lines,
        carts.market_code,
        carts.store_key,
        carts.channel_key,
        carts.locale,
        carts.country_code,
        carts.created_at,
        carts.source_modified_at,
        carts.gone_at,
        carts.gone_reason,
        carts.due_at
    from carts
    left join current_carts on carts.cart_id = current_carts.cart_id
    left join line_lists on carts.cart_id = line_lists.cart_id
)

select * from final
