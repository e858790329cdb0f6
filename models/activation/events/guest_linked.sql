-- Grain: event_id. A guest's orders joined a registered profile.
with links as (
    select * from {{ ref('int_customers__guest_links') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('guest_linked', ['links.guest_key', 'links.customer_id']) }} as event_id,
        links.guest_key,
        links.identity_rule,
        cast(links.order_count as bigint) as linked_order_count,
        {{ event_envelope(
            'people', 'customer', 'people.customer_id', 'null', 'links.linked_at',
            'links.linked_at'
        ) }}
    from links
    inner join people on links.profile_id = people.profile_id
)

select * from events
