-- Grain: customer_id. Customers that commercetools says are deleted; needs Messages, a plain read
-- shows nothing.
with messages as (
    select * from {{ ref('base_commercetools__messages') }}
    where rejection_reason is null
),

deletions as (
    select
        resource_id as customer_id,
        min(created_at) as deleted_at
    from messages
    where message_type = 'CustomerDeleted'
    group by resource_id
)

select * from deletions
