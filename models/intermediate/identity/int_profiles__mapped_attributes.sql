-- Grain: profile_id, iterable_field. Attributes of config/attribute_map.csv as canonical text of
-- their Iterable type. A value that is not of its type is left out: the field is then absent, and
-- wrong types never reach Iterable.
with attributes as (
    select * from {{ ref('stg_commercetools__mapped_attributes') }}
),

people as (
    select * from {{ ref('int_identity__people') }}
),

typed as (
    select
        people.profile_id,
        attributes.iterable_field,
        attributes.type,
        case attributes.type
            when 'string' then {{ canonical_value('attributes.value_text', 'string') }}
            when 'long'
                then {{ canonical_value('try_cast(attributes.value_text as bigint)', 'long') }}
            when 'double' then {{ canonical_value(
                'try_cast(attributes.value_text as decimal(38, 8))', 'double'
            ) }}
            when 'boolean'
                then {{ canonical_value('try_cast(attributes.value_text as boolean)', 'boolean') }}
            when 'date' then {{ canonical_value(try_ts_from_iso('attributes.value_text'), 'date') }}
            when 'string[]'
                then {{ canonical_value(try_text_list('attributes.value_text'), 'string[]') }}
        end as value
    from attributes
    inner join people on 'customer:' || attributes.customer_id = people.subject
),

present as (
    select * from typed
    where value is not null
)

select * from present
