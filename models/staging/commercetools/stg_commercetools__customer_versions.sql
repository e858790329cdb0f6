-- Grain: customer_id, version, only of customers read in more than one version. What events tell
-- the changes of. A version that cannot be read is left out.
with versions as (
    select * from {{ ref('base_commercetools__customer_versions') }}
),

of_interest as (
    select
        customer_id,
        version,
        email,
        is_email_verified,
        customer_group_id,
        loyalty_tier,
        loyalty_points,
        last_modified_at,
        row_number() over (partition by customer_id order by version) = 1 as is_first_seen
    from versions
    where
        email is not null
        and customer_id in (
            select several.customer_id
            from versions as several
            group by several.customer_id
            having count(*) > 1
        )
)

select * from of_interest
