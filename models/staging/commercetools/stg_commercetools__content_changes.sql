{{ config(materialized='table') }}
-- Grain: resource, id, only where more than one version was read. When the content last changed: a
-- version may rise without any change, and such versions count as one.
with versions as (
    select * from {{ ref('base_commercetools__version_contents') }}
),

several as (
    select
        resource,
        id
    from versions
    group by resource, id
    having count(*) > 1
),

sequenced as (
    select
        versions.*,
        lag(versions.content) over (
            partition by versions.resource, versions.id order by versions.version
        ) as content_before
    from versions
    inner join several on versions.resource = several.resource and versions.id = several.id
),

changes as (
    select
        resource,
        id,
        max(last_modified_at) as content_changed_at
    from sequenced
    where content is distinct from content_before
    group by resource, id
)

select * from changes
