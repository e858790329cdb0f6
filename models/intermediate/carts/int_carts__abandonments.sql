{{ config(materialized='table') }}
-- Grain: cart_id, content_key, stage. When a cart reaches or reached a stage of abandonment: an
-- active cart with something in it that nobody changed for as long as config/cart_stages.csv says.
-- due_at may lie ahead. The same lines left alone twice are one abandonment.
with periods as (
    select * from {{ ref('int_carts__idle_periods') }}
    where cart_status = 'active' and not is_empty
),

carts as (
    select * from {{ ref('int_carts__identified') }}
    where profile_id is not null
),

current_carts as (
    select * from {{ ref('int_carts__current') }}
),

stages as (
    select * from {{ ref('cart_stages') }}
),

-- whoever ordered since, with this cart or another, has not left
orders as (
    select
        profile_id,
        max(ordered_at) as last_ordered_at
    from {{ ref('int_orders__identified') }}
    group by profile_id
),

placed as (
    select
        carts.*,
        case
            when carts.market_code in (select own.market_code from stages as own)
                then carts.market_code
            else '*'
        end as stages_of
    from carts
),

reached as (
    select
        periods.cart_id,
        periods.content_key,
        stages.stage,
        stages.idle_minutes,
        placed.profile_id,
        periods.started_at as idle_since,
        periods.ended_at,
        {{ ts_add_minutes('periods.started_at', 'stages.idle_minutes') }} as due_at,
        current_carts.cart_id is not null
        and periods.ended_at is null
        and not coalesce(orders.last_ordered_at >= periods.started_at, false) as is_left_alone
    from periods
    inner join placed on periods.cart_id = placed.cart_id
    inner join stages on placed.stages_of = stages.market_code
    left join current_carts on periods.cart_id = current_carts.cart_id
    left join orders on placed.profile_id = orders.profile_id
),

lasting as (
    select * from reached
    where ended_at is null or due_at <= ended_at
    qualify row_number() over (
        partition by cart_id, content_key, stage order by idle_since desc
    ) = 1
)

select * from lasting
