-- Grain: profile_id, currency_code, category_key; the five with the largest share of what was spent
-- on counted orders. A line in several categories counts in each. Shares have four digits, ties go
-- to the smaller key, so reruns agree.
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
        line_total_minor
    from {{ ref('stg_commercetools__order_lines') }}
),

bought as (
    select
        orders.profile_id,
        orders.currency_code,
        lines.product_id,
        sum(lines.line_total_minor) as spent_minor
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
        sum(bought.spent_minor) as spent_minor
    from bought
    inner join {{ ref('int_products__categories') }} as categories
        on bought.product_id = categories.product_id
    group by
        bought.profile_id, bought.currency_code, categories.category_key, categories.category_name
    having sum(bought.spent_minor) > 0
),

shared as (
    select
        profile_id,
        currency_code,
        category_key,
        category_name,
        cast({{ amount(
            divide_rounded(
                '10000 * spent_minor',
                'sum(spent_minor) over (partition by profile_id, currency_code)'
            ), '4'
        ) }} as decimal(5, 4)) as share,
        row_number() over (
            partition by profile_id, currency_code order by spent_minor desc, category_key asc
        ) as affinity_rank
    from spent
),

top_five as (
    select * from shared
    where affinity_rank <= 5
)

select * from top_five
