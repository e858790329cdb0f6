-- Grain: customer_id, iterable_field. Attributes of customers that config/attribute_map.csv names,
-- as text.
with attributes as (
    select * from {{ ref('base_commercetools__customer_attributes') }}
),

present as (
    select
        customer_id,
        iterable_field,
        type,
        value_text
    from attributes
    where value_text is not null
)

select * from present
