-- Grain: profile_id, currency_code, category_key; the five with the largest share of what was spent
-- on counted orders. A line in several categories counts in each. Shares have four digits, ties go
-- to the smaller key, so reruns agree. Amounts are compared as whole ten-thousandths, exactly.
with orders as (
    select
        order_id,
        profile_id,
        currency_code
    from {{ ref('orders') }}
    where is_counted and profile_id is not null
),

lines as (
    select
        order_id,
        product_id,
        line_total
    from {{ ref('order_lines') }}
),

bought as (
    select
        orders.profile_id,
        orders.currency_code,
        lines.product_id,
        cast(sum(lines.line_total) * 10000 as bigint) as spent_parts
    from lines
    inner join orders on lines.order_id = orders.order_id
    group by orders.profile_id, orders.currency_code, lines.product_id
),

spent as (
    select
        bought.profile_id,
        bought.currency_code,
        categories.category_key,
        categories.category_name,
        sum(bought.spent_parts) as spent_parts
    from bought
    inner join {{ ref('int_products__categories') }} as categories
        on bought.product_id = categories.product_id
    group by
        bought.profile_id, bought.currency_code, categories.category_key, categories.category_name
    having sum(bought.spent_parts) > 0
),

shared as (
    select
        profile_id,
        currency_code,
        category_key,
        category_name,
        cast({{ amount(
            divide_rounded(
                '10000 * spent_parts',
                'sum(spent_parts) over (partition by profile_id, currency_code)'
            ), '4'
        ) }} as decimal(5, 4)) as share,
        row_number() over (
            partition by profile_id, currency_code order by spent_parts desc, category_key asc
        ) as affinity_rank
    from spent
),

top_five as (
    select * from shared
    where affinity_rank <= 5
)

select * from top_five
