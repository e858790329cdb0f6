{{ config(
    materialized='incremental',
    unique_key=['customer_id', 'version'],
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished_versions(['customers'], 'customer_id') }}"
) }}
-- Grain: customer_id, version. What events tell the changes of, in each version of a customer,
-- opened once, when it comes. Other loyalty fields in config/ open all again.
with paths as (
    select
        max(source_path) filter (where attribute = 'tier') as tier_path,
        max(source_path) filter (where attribute = 'points') as points_path
    from {{ ref('loyalty_fields') }}
),

unopened as (
    {{ unopened_versions(
        'customers', 'customer_id',
        also='opened_before.tier_path is not distinct from (select paths.tier_path from paths)'
        ~ ' and opened_before.points_path is not distinct from (select paths.points_path from paths)'
    ) }}
),

opened as (
    select
        unopened.id as customer_id,
        unopened.version,
        {{ json_open('unopened.document', {
            'email': 'text',
            'isEmailVerified': 'boolean',
            'customerGroup': {'id': 'text'},
            'customerGroupAssignments': [{'customerGroup': {'id': 'text'}}]
        }) }} as doc,
        paths.tier_path,
        paths.points_path,
        {{ try_json_text_at('unopened.document', 'paths.tier_path') }} as loyalty_tier,
        {{ try_json_text_at('unopened.document', 'paths.points_path') }} as points_text,
        {{ ts_utc('unopened.last_modified_at') }} as last_modified_at
    from unopened
    cross join paths
),

described as (
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
        tier_path,
        points_path,
        last_modified_at
    from opened
)

select * from described
