-- Grain: order_id. Counted orders that somebody else has told Iterable of: under the order's id or
-- number, or as a purchase of the same person and total within an hour. Sent again under our id,
-- the revenue would double. What Iterable has under our own id is ours.
with orders as (
    select
        order_id,
        order_number,
        profile_id,
        order_total,
        ordered_at,
        {{ fact_id('purchase', ['order_id']) }} as purchase_id
    from {{ ref('orders') }}
    where is_counted
),

people as (
    select * from {{ ref('iterable_users') }}
),

found as (
    select * from {{ ref('stg_iterable__purchases') }}
),

names as (
    select
        purchase_key,
        purchase_id as name
    from found
    union
    select
        purchase_key,
        order_id as name
    from found
    union
    select
        purchase_key,
        order_number as name
    from found
),

named as (
    select
        orders.order_id,
        names.purchase_key
    from orders
    inner join names on orders.order_id = names.name
    union
    select
        orders.order_id,
        names.purchase_key
    from orders
    inner join names on orders.order_number = names.name
),

bought as (
    select
        orders.order_id,
        orders.order_total,
        orders.ordered_at,
        people.email,
        people.user_id
    from orders
    inner join people on orders.profile_id = people.profile_id
),

alike as (
    select
        bought.order_id,
        found.purchase_key,
        bought.ordered_at,
        found.purchased_at
    from bought
    inner join found on bought.user_id = found.user_id and bought.order_total = found.total
    union
    select
        bought.order_id,
        found.purchase_key,
        bought.ordered_at,
        found.purchased_at
    from bought
    inner join found on bought.email = found.email and bought.order_total = found.total
),

matched as (
    select
        order_id,
        purchase_key,
        'same_reference' as found_rule,
        1 as priority
    from named
    union all
    select
        order_id,
        purchase_key,
        'same_person_total_and_time' as found_rule,
        2 as priority
    from alike
    where
        purchased_at between {{ ts_add_hours('ordered_at', '-1') }}
        and {{ ts_add_hours('ordered_at', '1') }}
),

newest as (
    select
        matched.order_id,
        matched.purchase_key,
        matched.found_rule,
        found.purchased_at as found_at
    from matched
    inner join found on matched.purchase_key = found.purchase_key
    inner join orders on matched.order_id = orders.order_id
    where found.purchase_id is distinct from orders.purchase_id
    qualify row_number() over (
        partition by matched.order_id
        order by matched.priority asc, found.purchased_at desc, matched.purchase_key asc
    ) = 1
)

select * from newest
