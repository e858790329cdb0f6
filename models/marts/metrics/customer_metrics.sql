with orders as (
    select
        profile_id,
        person_key,
        currency_code,
        count(*) as order_count,
        sum(order_total) as lifetime_value_gross,
        sum(order_total - refunded_total) as lifetime_value_net,
        max(fraction_digits) as fraction_digits,
        min(ordered_at) as first_purchase_at,
        max(ordered_at) as last_purchase_at
    from {{ ref('orders') }}
    where is_counted and profile_id is not null
    group by profile_id, person_key, currency_code
),

carts as (
    select
        profile_id,
        person_key,
        currency_code,
        max(source_modified_at) as last_cart_at
    from {{ ref('carts') }}
    where profile_id is not null
    group by profile_id, person_key, currency_code
),

affinities as (
    select
        profile_id,
        currency_code,
        {{ list_agg_ordered(struct_of([
            ('category_key', 'category_key'), ('category_name', 'category_name'), ('share', 'share')
        ]), 'affinity_rank') }} as category_affinity,
        {{ list_agg_ordered('category_name', 'affinity_rank') }} as top_categories
    from {{ ref('int_metrics__category_affinity') }}
    group by profile_id, currency_code
),

people as (
    select
        profile_id,
        person_key,
        currency_code
    from orders
    union
    select
        profile_id,
        person_key,
        currency_code
    from carts
),

final as (
    select
        people.profile_id,
        people.person_key,
        people.currency_code,
        coalesce(orders.order_count, 0) as order_count,
        cast(coalesce(orders.lifetime_value_gross, 0) as decimal(28, 4)) as lifetime_value_gross,
        cast(coalesce(orders.lifetime_value_net, 0) as decimal(28, 4)) as lifetime_value_net,
        {{ mean_amount(
            'orders.lifetime_value_gross', 'orders.order_count', 'orders.fraction_digits'
        ) }} as average_order_value,
        orders.first_purchase_at,
        orders.last_purchase_at,
        coalesce(affinities.category_affinity, []) as category_affinity,
        coalesce(affinities.top_categories, []) as top_categories,
        carts.last_cart_at,
        coalesce(orders.order_count, 0) >= 2 as is_repeat_customer
    from people
    left join orders
        on people.profile_id = orders.profile_id and people.currency_code = orders.currency_code
    left join carts
        on people.profile_id = carts.profile_id and people.currency_code = carts.currency_code
    left join affinities
        on
            people.profile_id = affinities.profile_id
            and people.currency_code = affinities.currency_code
)

select * from final
