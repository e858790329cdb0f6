{{ config(materialized='table') }}
-- Grain: customer_id, version, only of customers read in more than one version. What events tell
-- the changes of. A version that cannot be read is left out.
with paths as (
    select
        max(source_path) filter (where attribute = 'tier') as tier_path,
        max(source_path) filter (where attribute = 'points') as points_path
    from {{ ref('loyalty_fields') }}
),

history as (
    select * from {{ source('raw', 'customers_history') }}
    where
        id in (
            select several.id
            from {{ source('raw', 'customers_history') }} as several
            group by several.id
            having count(*) > 1
        )
),

opened as (
    select
        history.id as customer_id,
        history.version,
        {{ json_open('history.document', {
            'email': 'text',
            'isEmailVerified': 'boolean',
            'customerGroup': {'id': 'text'},
            'customerGroupAssignments': [{'customerGroup': {'id': 'text'}}]
        }) }} as doc,
        {{ try_json_text_at('history.document', 'paths.tier_path') }} as loyalty_tier,
        {{ try_json_text_at('history.document', 'paths.points_path') }} as points_text,
        {{ ts_utc('history.last_modified_at') }} as last_modified_at
    from history
    cross join paths
),

versions as (
    select
        customer_id,
        version,
        {{ fold_email('doc.email') }} as email,
        coalesce(doc.isEmailVerified, false) as is_email_verified,
        coalesce(
            doc.customerGroup.id, {{ list_first('doc.customerGroupAssignments') }}.customerGroup.id
        ) as customer_group_id,
        loyalty_tier,
        try_cast(points_text as bigint) as loyalty_points,
        last_modified_at,
        row_number() over (partition by customer_id order by version) = 1 as is_first_seen
    from opened
    where {{ fold_email('doc.email') }} is not null
)

select * from versions
