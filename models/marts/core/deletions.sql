with deletions as (
    select * from {{ ref('stg_commercetools__deletions') }}
),

final as (
    select
        resource,
        id as resource_id,
        deleted_at,
        learned_by
    from deletions
)

select * from final
