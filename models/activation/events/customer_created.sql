-- Grain: event_id. Somebody made an account.
with customers as (
    select * from {{ ref('stg_commercetools__customers') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('customer_created', ['customers.customer_id']) }} as event_id,
        people.is_email_verified,
        {{ event_envelope(
            'people', 'customer', 'people.customer_id', 'customers.version',
            'customers.created_at', 'customers.created_at'
        ) }}
    from customers
    inner join people on customers.customer_id = people.customer_id
    where people.profile_type = 'registered'
)

select * from events
