{{ config(materialized='table') }}
-- Grain: resource, id, only where more than one version was read. When the content last changed: a
-- version may rise without any change, and such versions count as one.
{%- set resources = ['customers', 'orders', 'carts', 'product_projections'] %}
{%- set version_keys = ['version', 'lastModifiedAt', 'lastModifiedBy', 'versionModifiedAt'] %}
with versions as (
    {% for resource in resources %}
        select
            '{{ resource }}' as resource,
            id,
            version,
            last_modified_at,
            {{ md5_hex(json_without('document', version_keys)) }} as content
        from {{ source('raw', resource ~ '_history') }}
        where
            id in (
                select several.id
                from {{ source('raw', resource ~ '_history') }} as several
                group by several.id
                having count(*) > 1
            )
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

sequenced as (
    select
        *,
        lag(content) over (partition by resource, id order by version) as content_before
    from versions
),

changes as (
    select
        resource,
        id,
        {{ ts_utc('max(last_modified_at)') }} as content_changed_at
    from sequenced
    where content is distinct from content_before
    group by resource, id
)

select * from changes
