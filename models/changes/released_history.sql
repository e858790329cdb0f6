-- Grain: object, subject. History that this run lets go: the oldest of what its backfill asks for,
-- as many as a chunk has. For this run they are facts like any other, marked as backfill.
with candidates as (
    select * from {{ ref('history_to_release') }}
    where is_ahead and not waits_for_cart
),

released as (
    select
        object,
        kind,
        subject,
        occurred_at
    from candidates
    qualify row_number() over (order by occurred_at, subject) <= rows_max
)

select * from released
