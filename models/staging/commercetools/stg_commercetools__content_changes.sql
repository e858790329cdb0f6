{{ config(materialized='table') }}
-- Grain: resource, id, only where more than one version was read. When the content last changed: a
-- version may rise without any change, and such versions count as one.
with sequenced as (
    select
        *,
        lag(content) over (partition by resource, id order by version) as content_before
    from {{ ref('base_commercetools__version_contents') }}
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
