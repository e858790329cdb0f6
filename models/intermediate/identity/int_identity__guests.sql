-- Grain: email. Folded addresses of orders and carts that name no account, and the registered
-- customer that a rule of config/identity_rules.csv joins each to. Among several customers the
-- oldest wins, so that a link stays.
with customers as (
    select * from {{ ref('stg_commercetools__customers') }}
),

rules as (
    select * from {{ ref('identity_rules') }}
    where is_enabled
),

guests as (
    select customer_email as email
    from {{ ref('stg_commercetools__orders') }}
    where customer_id is null and customer_email is not null
    union
    select customer_email as email
    from {{ ref('stg_commercetools__carts') }}
    where customer_id is null and customer_email is not null
),

matched as (
    select
        guests.email,
        customers.customer_id,
        rules.rule_id
    from guests
    inner join customers on guests.email = customers.email
    inner join rules on customers.is_email_verified or not rules.requires_verified_email
    qualify row_number() over (
        partition by guests.email
        order by
            rules.priority asc,
            customers.is_email_verified desc,
            customers.created_at asc,
            customers.customer_id asc
    ) = 1
),

linked as (
    select
        guests.email,
        matched.customer_id as linked_customer_id,
        coalesce(matched.rule_id, 'guest_address') as identity_rule
    from guests
    left join matched on guests.email = matched.email
)

select * from linked
