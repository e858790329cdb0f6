-- Grain: event_id. A customer was deleted in the shop.
with deletions as (
    select * from {{ ref('stg_commercetools__customer_deletions') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('customer_deleted', ['deletions.customer_id']) }} as event_id,
        {{ event_envelope(
            'people', 'customer', 'people.customer_id', 'null', 'deletions.deleted_at',
            'deletions.deleted_at'
        ) }}
    from deletions
    inner join people on deletions.customer_id = people.customer_id
)

select * from events
