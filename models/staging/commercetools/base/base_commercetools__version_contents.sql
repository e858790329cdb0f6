{%- set resources = ['customers', 'orders', 'carts', 'product_projections'] %}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_vanished_versions(['customers', 'orders', 'carts', 'product_projections'], 'id', 'resource') }}"
) }}
-- Grain: resource, id, version. A digest of what the version says apart from its number and times:
-- of every version when it comes, because to fetch an older one later all documents are read.
{%- set version_keys = ['version', 'lastModifiedAt', 'lastModifiedBy', 'versionModifiedAt'] %}
with unopened as (
    {% for resource in resources %}
        select
            '{{ resource }}' as resource,
            versions.*
        from ({{ unopened_versions(resource, 'id', 'resource') }}) as versions
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

contents as (
    select
        resource,
        id,
        version,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ md5_hex(json_without('document', version_keys)) }} as content
    from unopened
)

select * from contents
