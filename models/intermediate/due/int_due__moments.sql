-- Grain: kind, subject, due_at. What will fall due only because time passes, and when: nothing in
-- the shop has to happen for it.
with abandonments as (
    select * from {{ ref('int_carts__abandonments') }}
    where is_left_alone
),

orders as (
    select * from {{ ref('int_orders__counting') }}
    where counted_due_at is not null
),

carts as (
    select * from {{ ref('int_carts__identified') }}
    where due_at is not null and profile_id is not null
),

consent as (
    select * from {{ ref('int_consent__state') }}
    where due_at is not null
),

rules as (
    select * from {{ ref('consent_rules') }}
    where is_enabled
),

moments as (
    select
        'cart_abandoned' as kind,
        cart_id || '-' || content_key || '-' || stage as subject,
        due_at
    from abandonments

    union all

    select
        'purchases' as kind,
        order_id as subject,
        counted_due_at as due_at
    from orders

    union all

    -- commercetools deletes a cart that nobody touched, and Iterable's is emptied then
    select
        'carts' as kind,
        cart_id as subject,
        due_at
    from carts

    union all

    -- a grant that expires, a birthday from which on it counts
    select
        'consent' as kind,
        profile_id || '-' || channel || '-' || purpose as subject,
        due_at
    from consent

    union all

    select
        'consent_rules' as kind,
        rule_id as subject,
        valid_from as due_at
    from rules
    where valid_from is not null

    union all

    select
        'consent_rules' as kind,
        rule_id as subject,
        valid_until as due_at
    from rules
    where valid_until is not null
)

select * from moments
