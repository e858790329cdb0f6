-- Grain: customer_id, changed_at. Tier or points of the loyalty programme changed between two
-- versions we read. Custom fields can also be set whole, without a Message per field, so history is
-- the only authority (docs/adr/0031).
with versions as (
    select
        *,
        lag(loyalty_tier) over (partition by customer_id order by version) as tier_before,
        lag(loyalty_points) over (partition by customer_id order by version) as points_before
    from {{ ref('stg_commercetools__customer_versions') }}
),

changes as (
    select
        customer_id,
        tier_before as from_tier,
        loyalty_tier as to_tier,
        points_before as from_points,
        loyalty_points as to_points,
        last_modified_at as changed_at
    from versions
    where
        not is_first_seen
        and (
            loyalty_tier is distinct from tier_before
            or loyalty_points is distinct from points_before
        )
)

select * from changes
