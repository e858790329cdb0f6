-- Grain: inventory_id. Stock of a SKU at one supply channel. An entry that was deleted is no stock.
with source as (
    select * from {{ source('raw', 'inventory') }}
),

deletions as (
    select * from {{ ref('stg_commercetools__deletions') }}
    where resource = 'inventory'
),

opened as (
    select
        source.id,
        {{ json_open('source.document', {'sku': 'text', 'availableQuantity': 'long'}) }} as doc
    from source
    where source.id not in (select deletions.id from deletions)
),

renamed as (
    select
        id as inventory_id,
        doc.sku,
        doc.availableQuantity as available_quantity
    from opened
    where doc.sku is not null and doc.availableQuantity is not null
)

select * from renamed
