-- Grain: guest_key. Orders placed as a guest that belong to a registered profile now, by a rule of
-- config/identity_rules.csv, and since when: not before there were both the account and the order,
-- nor before we saw the address verified, where we saw it become so.
with orders as (
    select * from {{ ref('int_orders__identified') }}
    where is_guest and customer_email is not null
),

people as (
    select * from {{ ref('int_identity__people') }}
    where subject <> profile_subject and customer_id is not null
),

customers as (
    select * from {{ ref('stg_commercetools__customers') }}
),

verifications as (
    select
        customer_id,
        min(last_modified_at) as verified_at
    from (
        select
            customer_id,
            is_email_verified,
            lag(is_email_verified) over (partition by customer_id order by version) as was_verified,
            last_modified_at
        from {{ ref('stg_commercetools__customer_versions') }}
    ) as steps
    where is_email_verified and not was_verified
    group by customer_id
),

links as (
    select
        {{ person_key('people.subject') }} as guest_key,
        people.profile_id,
        people.customer_id,
        people.identity_rule,
        count(*) as order_count,
        min(greatest(
            orders.ordered_at,
            customers.created_at,
            coalesce(verifications.verified_at, customers.created_at)
        )) as linked_at
    from people
    inner join orders on people.email = orders.customer_email
    inner join customers on people.customer_id = customers.customer_id
    left join verifications on people.customer_id = verifications.customer_id
    group by people.subject, people.profile_id, people.customer_id, people.identity_rule
)

select * from links
