{{ config(
    materialized='incremental',
    unique_key='customer_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('customers', 'customer_id') }}"
) }}
-- Grain: customer_id, iterable_field. What each customer says in each attribute that
-- config/attribute_map.csv names, as text; null where it is absent. Another map opens all again.
with mapping as (
    select * from {{ ref('attribute_map') }}
    where is_enabled and source = 'customers'
),

maps as (
    select
        {{ md5_hex(string_agg_ordered(
            "iterable_field || ' ' || type || ' ' || source_path", "','", 'iterable_field'
        )) }} as map_digest
    from mapping
),

source as (
    {{ unopened(
        'customers', 'customer_id',
        also='opened_before.map_digest is not distinct from (select maps.map_digest from maps)'
    ) }}
),

attributes as (
    select
        source.id as customer_id,
        source.version,
        {{ ts_utc('source.loaded_at') }} as loaded_at,
        maps.map_digest,
        mapping.iterable_field,
        mapping.type,
        {{ try_json_text_at('source.document', 'mapping.source_path') }} as value_text
    from source
    cross join mapping
    cross join maps
)

select * from attributes
