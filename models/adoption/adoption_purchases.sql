-- Grain: found_rule. Purchases others sent to Iterable: those that are orders of ours, by rule, and
-- those that are none.
with purchases as (
    select * from {{ ref('stg_iterable__purchases') }}
),

found as (
    select
        purchase_key,
        min(found_rule) as found_rule
    from {{ ref('int_orders__found_at_iterable') }}
    group by purchase_key
),

ours as (
    select purchase_id from {{ ref('iterable_purchases') }}
),

counted as (
    select
        coalesce(found.found_rule, 'no order of ours') as found_rule,
        count(*) as purchases,
        max(purchases.purchased_at) as newest_at
    from purchases
    left join found on purchases.purchase_key = found.purchase_key
    where purchases.purchase_id not in (select ours.purchase_id from ours)
    group by coalesce(found.found_rule, 'no order of ours')
)

select * from counted
