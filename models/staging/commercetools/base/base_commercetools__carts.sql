{{ config(
    materialized='incremental',
    unique_key='cart_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('carts', 'cart_id') }}"
) }}
-- Carts' documents, opened once. Rows with a rejection_reason go to rejected_documents and nowhere
-- else.
{%- set shape = shape_basket() %}
{%- do shape.update({'cartState': 'text', 'deleteDaysAfterLastModification': 'long'}) %}
with paths as (
    {{ attribution_paths() }}
),

source as (
    {{ unopened('carts', 'cart_id', also=attribution_paths_stand()) }}
),

opened as (
    select
        source.id,
        source.version,
        source.created_at,
        source.last_modified_at,
        source.loaded_at,
        {{ json_open('source.document', shape) }} as doc,
        paths.campaign_path,
        paths.template_path,
        {{ try_json_text_at('source.document', 'paths.campaign_path') }} as campaign_text,
        {{ try_json_text_at('source.document', 'paths.template_path') }} as template_text
    from source
    cross join paths
),

renamed as (
    select
        -- keys and attributes
        id as cart_id,
        version,
        doc.customerId as customer_id,
        {{ fold_email('doc.customerEmail') }} as customer_email,
        doc.anonymousId as anonymous_id,
        doc.store.key as store_key,
        doc.country as country_code,
        doc.locale,
        {{ status_word('doc.cartState') }} as cart_status,
        try_cast(campaign_text as bigint) as campaign_id,
        try_cast(template_text as bigint) as template_id,
        campaign_path,
        template_path,
        -- commercetools' default where a cart names no lifetime
        coalesce(doc.deleteDaysAfterLastModification, 90) as lifetime_days,
        -- money
        doc.totalPrice.currencyCode as currency_code,
        cast(doc.totalPrice.fractionDigits as integer) as fraction_digits,
        {{ money_minor('doc.totalPrice') }} as total_price_minor,
        doc.lineItems as lines,
        -- times
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc is null then 'the document is not a JSON object'
            when doc.cartState is null then 'cartState is missing'
            {{ money_reasons('doc.totalPrice', 'totalPrice') }}
            {{ line_item_reasons('doc.lineItems') }}
            when created_at is null then 'createdAt is missing or not a time'
        end as rejection_reason
    from opened
)

select * from renamed
