{{ config(materialized='table') }}
-- Grain: resource, id, reason. Documents that no model reads, and why. They stop nothing; a record
-- that reads well later leaves this list.
{%- set key_columns = {
    'customers': 'customer_id', 'orders': 'order_id', 'carts': 'cart_id', 'payments': 'payment_id',
    'products': 'product_id', 'messages': 'message_id'
} %}
with unreadable as (
    {% for resource, key_column in key_columns.items() %}
        select
            '{{ 'product_projections' if resource == 'products' else resource }}' as resource,
            {{ key_column }} as id,
            version,
            rejection_reason as reason,
            loaded_at
        from {{ ref('base_commercetools__' ~ resource) }}
        where rejection_reason is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

good_reads as (
    {% for resource in commercetools_resources() %}
        select
            '{{ resource }}' as resource,
            id,
            loaded_at
        from {{ source('raw', resource) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- records so broken that ingestion could not store them as documents
broken as (
    select
        malformed.resource,
        malformed.position as id,
        cast(null as bigint) as version,
        malformed.reason,
        {{ ts_utc('malformed.loaded_at') }} as loaded_at
    from {{ source('raw', 'malformed_documents') }} as malformed
    left join good_reads
        on
            malformed.resource = good_reads.resource
            and malformed.position = good_reads.id
            and malformed.loaded_at < good_reads.loaded_at
    where good_reads.id is null
),

rejected as (
    select * from unreadable
    union
    select * from broken
)

select * from rejected
