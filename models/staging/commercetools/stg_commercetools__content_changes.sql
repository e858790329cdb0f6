{{ config(materialized='table') }}
-- Grain: resource, id, only where more than one version was read. When the content last changed: a version may rise
-- without any change, and such versions count as one. Only documents with several versions are compared.
{%- set resources = ['customers', 'orders', 'carts'] %}
with versions as (
    {%- for resource in resources %}
    select
        '{{ resource }}' as resource,
        id,
        version,
        last_modified_at,
        {{ md5_hex(json_without('document', ['version', 'lastModifiedAt', 'lastModifiedBy', 'versionModifiedAt'])) }} as content
    from {{ source('raw', resource ~ '_history') }}
    where id in (select id from {{ source('raw', resource ~ '_history') }} group by id having count(*) > 1)
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

compared as (
    select
        resource,
        id,
        last_modified_at,
        content is distinct from lag(content) over (partition by resource, id order by version) as is_changed
    from versions
),

changes as (
    select
        resource,
        id,
        {{ ts_utc('max(last_modified_at)') }} as content_changed_at
    from compared
    where is_changed
    group by resource, id
)

select * from changes
