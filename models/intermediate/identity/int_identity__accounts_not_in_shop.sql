-- Grain: customer_id. Accounts that orders and carts name and of which the shop's data has no
-- readable customer: deleted before anybody loaded them, not loaded yet, or set aside because the
-- document cannot be read. Nobody can tell these apart. Their address is that of the newest order
-- that has one, else of the newest cart.
with customers as (
    select * from {{ ref('stg_commercetools__customers') }}
),

baskets as (
    select
        customer_id,
        customer_email,
        order_id as basket_id,
        1 as rank_in_kind,
        coalesce(completed_at, created_at) as active_at
    from {{ ref('stg_commercetools__orders') }}
    where customer_id is not null
    union all
    select
        customer_id,
        customer_email,
        cart_id as basket_id,
        2 as rank_in_kind,
        last_modified_at as active_at
    from {{ ref('stg_commercetools__carts') }}
    where customer_id is not null
),

unmatched as (
    select baskets.*
    from baskets
    left join customers on baskets.customer_id = customers.customer_id
    where customers.customer_id is null
),

addressed as (
    select
        customer_id,
        customer_email as email
    from unmatched
    qualify row_number() over (
        partition by customer_id
        order by
            customer_email is null,
            rank_in_kind asc,
            active_at desc nulls last,
            basket_id desc
    ) = 1
)

select * from addressed
