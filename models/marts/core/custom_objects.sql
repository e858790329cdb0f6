with custom_objects as (
    select * from {{ ref('stg_commercetools__custom_objects') }}
),

final as (
    select
        custom_object_id,
        container,
        custom_object_key,
        value_json,
        last_modified_at as source_modified_at
    from custom_objects
)

select * from final
