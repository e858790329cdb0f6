-- Grain: custom_object_id. What a shop keeps beside commercetools' own resources, by container and
-- key; the value is any JSON.
with source as (
    select * from {{ source('raw', 'custom_objects') }}
),

renamed as (
    select
        id as custom_object_id,
        {{ json_text('document', 'container') }} as container,
        {{ json_text('document', 'key') }} as custom_object_key,
        cast({{ json_value('document', 'value') }} as varchar) as value_json,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from source
)

select * from renamed
where container is not null and custom_object_key is not null
