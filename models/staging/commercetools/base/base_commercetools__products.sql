{{ config(
    materialized='incremental',
    unique_key='product_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('product_projections', 'product_id') }}"
) }}
-- Product projections, opened once. Rows with a rejection_reason go to rejected_documents and
-- nowhere else.
with source as (
    {{ unopened('product_projections', 'product_id') }}
),

opened as (
    select
        id,
        version,
        last_modified_at,
        loaded_at,
        {{ json_open('document', {
            'key': 'text',
            'name': 'localized',
            'slug': 'localized',
            'productType': {'id': 'text'},
            'masterVariant': {'sku': 'text', 'images': [{'url': 'text'}]},
            'categories': [{'id': 'text'}]
        }) }} as doc
    from source
),

renamed as (
    select
        id as product_id,
        version,
        doc.key as product_key,
        doc.masterVariant.sku,
        doc.productType.id as product_type_id,
        doc.name as product_names,
        doc.slug as product_slugs,
        {{ list_first('doc.masterVariant.images') }}.url as image_url,
        {{ list_map('doc.categories', 'category', 'category.id') }} as category_ids,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc is null then 'the document is not a JSON object'
            when doc.name is null then 'name is missing or not a localized text'
        end as rejection_reason
    from opened
)

select * from renamed
