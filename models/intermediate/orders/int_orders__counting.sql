{{ config(materialized='table') }}
-- Grain: order_id. Whether an order counts in metrics: the first rule of config/order_rules.csv
-- that refuses it, if any.
with orders as (
    select * from {{ ref('int_orders__identified') }}
),

rules as (
    select * from {{ ref('order_rules') }}
    where is_enabled
),

refused as (
    select
        orders.order_id,
        rules.rule_id
    from orders
    inner join rules
        on case rules.rule_type
            when 'order_status' then orders.order_status = lower(rules.value)
            when 'payment_status' then orders.payment_status = lower(rules.value)
            when 'shipment_status' then orders.shipment_status = lower(rules.value)
            when 'origin' then orders.origin = lower(rules.value)
            when 'store' then orders.store_key = rules.value
            when 'deleted' then orders.is_deleted and rules.value = 'true'
            when 'test_profile' then orders.is_test and rules.value = 'true'
            when 'minimum_age_hours'
                then
                    {{ ts_add_hours('orders.ordered_at', 'try_cast(rules.value as bigint)') }}
                    > {{ as_of() }}
        end
    qualify row_number() over (
        partition by orders.order_id order by rules.priority asc, rules.rule_id asc
    ) = 1
),

minimum_age as (
    select max(try_cast(value as bigint)) as hours
    from rules
    where rule_type = 'minimum_age_hours'
),

decided as (
    select
        orders.order_id,
        refused.rule_id is null as is_counted,
        coalesce(refused.rule_id, 'counted') as counted_reason,
        {{ ts_add_hours('orders.ordered_at', 'minimum_age.hours') }} as counted_due_at
    from orders
    left join refused on orders.order_id = refused.order_id
    cross join minimum_age
)

select * from decided
