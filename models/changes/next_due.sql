-- Grain: kind. What falls due next by time alone, after this run's instant.
with moments as (
    select * from {{ ref('int_due__moments') }}
    where due_at > {{ as_of() }}
),

counted as (
    select
        kind,
        count(*) as due_count,
        min(due_at) as next_due_at
    from moments
    group by kind
)

select * from counted
