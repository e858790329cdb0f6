-- Grain: kind. What falls due next by time alone, after this run's instant.
with upcoming as (
    select
        kind,
        due_at
    from {{ ref('int_due__moments') }}

    union all

    -- a grace period that ends
    select
        kind,
        due_at
    from {{ ref('changed_identities') }}
),

moments as (
    select * from upcoming
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
