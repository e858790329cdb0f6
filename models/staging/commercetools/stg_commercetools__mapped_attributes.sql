-- Grain: customer_id, iterable_field. Attributes of customers that config/attribute_map.csv names,
-- as text.
with customers as (
    select * from {{ source('raw', 'customers') }}
),

mapping as (
    select * from {{ ref('attribute_map') }}
    where is_enabled and source = 'customers'
),

attributes as (
    select
        customers.id as customer_id,
        mapping.iterable_field,
        mapping.type,
        {{ try_json_text_at('customers.document', 'mapping.source_path') }} as value_text
    from customers
    cross join mapping
),

present as (
    select * from attributes
    where value_text is not null
)

select * from present
