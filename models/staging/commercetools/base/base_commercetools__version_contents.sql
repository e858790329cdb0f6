{%- set resources = ['customers', 'orders', 'carts', 'product_projections'] %}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_vanished_versions(['customers', 'orders', 'carts', 'product_projections'], 'id', 'resource') }}"
) }}
-- Grain: resource, id, version, of records read in more than one version. A digest of what the
-- version says apart from its number and times.
{%- set version_keys = ['version', 'lastModifiedAt', 'lastModifiedBy', 'versionModifiedAt'] %}
with contents as (
    {% for resource in resources %}
        select
            '{{ resource }}' as resource,
            versions.id,
            versions.version,
            {{ ts_utc('versions.last_modified_at') }} as last_modified_at,
            {{ md5_hex(json_without('versions.document', version_keys)) }} as content
        from {{ source('raw', resource ~ '_history') }} as versions
        where
            versions.id in (
                select several.id
                from {{ source('raw', resource ~ '_history') }} as several
                group by several.id
                having count(*) > 1
            )
            and {{ is_unopened_version('id', resource) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from contents
