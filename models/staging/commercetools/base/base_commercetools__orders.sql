{{ config(
    materialized='incremental',
    unique_key='order_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('orders', 'order_id') }}"
) }}
-- Orders' documents, opened once: a document has about 12 kB and a parse per field would dominate
-- the build. Rows with a rejection_reason go to rejected_documents and nowhere else.
{%- set shape = shape_basket() %}
{%- do shape.update({
    'orderNumber': 'text',
    'origin': 'text',
    'orderState': 'text',
    'paymentState': 'text',
    'shipmentState': 'text',
    'completedAt': 'text',
    'taxedPrice': {
        'totalNet': shape_money(), 'totalGross': shape_money(), 'totalTax': shape_money()
    },
    'discountOnTotalPrice': {'discountedAmount': shape_money()},
    'shippingInfo': shape_shipping_info(),
    'shipping': [{'shippingInfo': shape_shipping_info()}],
    'state': {'id': 'text'},
    'businessUnit': {'key': 'text'},
    'discountCodes': [{'discountCode': {'id': 'text'}}],
    'paymentInfo': {'payments': [{'id': 'text'}]},
    'cart': {'id': 'text'},
    'customLineItems': [{'totalPrice': shape_money()}],
    'returnInfo': [{'items': [{
        'id': 'text', 'lineItemId': 'text', 'quantity': 'long', 'shipmentState': 'text', 'createdAt': 'text',
        'lastModifiedAt': 'text'
    }]}],
    'shippingAddress': shape_address(),
    'billingAddress': shape_address()
}) %}
with paths as (
    {{ attribution_paths() }}
),

source as (
    {{ unopened(
        'orders', 'order_id',
        also=attribution_paths_stand()
    ) }}
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
        id as order_id,
        version,
        doc.orderNumber as order_number,
        doc.customerId as customer_id,
        {{ fold_email('doc.customerEmail') }} as customer_email,
        doc.anonymousId as anonymous_id,
        doc.store.key as store_key,
        coalesce(
            doc.country, doc.shippingAddress.country, doc.billingAddress.country
        ) as country_code,
        doc.locale,
        {{ address_text('firstName') }} as first_name,
        {{ address_text('lastName') }} as last_name,
        {{ address_text('company') }} as company_name,
        coalesce({{ address_text('mobile') }}, {{ address_text('phone') }}) as phone_raw,
        coalesce(doc.shippingAddress.country, doc.billingAddress.country) as phone_country_code,
        {{ status_word('doc.origin') }} as origin,
        {{ status_word('doc.orderState') }} as order_status,
        {{ status_word('doc.paymentState') }} as payment_status,
        {{ status_word('doc.shipmentState') }} as shipment_status,
        doc.state.id as workflow_state_id,
        doc.businessUnit.key as business_unit_key,
        try_cast(campaign_text as bigint) as campaign_id,
        campaign_path,
        template_path,
        try_cast(template_text as bigint) as template_id,
        doc.cart.id as cart_id,
        -- money
        doc.totalPrice.currencyCode as currency_code,
        cast(doc.totalPrice.fractionDigits as integer) as fraction_digits,
        {{ money_minor('doc.totalPrice') }} as total_price_minor,
        {{ money_minor('doc.taxedPrice.totalGross') }} as taxed_gross_minor,
        {{ money_minor('doc.taxedPrice.totalNet') }} as taxed_net_minor,
        {{ money_minor('doc.taxedPrice.totalTax') }} as taxed_tax_minor,
        coalesce({{ money_minor('doc.discountOnTotalPrice.discountedAmount') }}, 0)
            as total_discount_minor,
        {{ shipping_minor('doc.shippingInfo') }} as shipping_minor,
        {{ list_total(list_map('doc.shipping', 'method', shipping_minor('method.shippingInfo'))) }}
            as shippings_minor,
        -- commercetools' own sum: lines, other lines and shipping, less a discount on the total
        {{ money_minor('doc.totalPrice') }} - (
            {{ list_total(list_map('doc.lineItems', 'line', money_minor('line.totalPrice'))) }}
            + {{ list_total(list_map(
                'doc.customLineItems', 'line', money_minor('line.totalPrice')
            )) }}
            + {{ shipping_price_minor('doc.shippingInfo') }}
            + {{ list_total(list_map(
                'doc.shipping', 'method', shipping_price_minor('method.shippingInfo')
            )) }}
            - coalesce({{ money_minor('doc.discountOnTotalPrice.discountedAmount') }}, 0)
        ) as unexplained_minor,
        -- parts with rows of their own
        doc.lineItems as lines,
        doc.returnInfo as returns,
        doc.shippingInfo.deliveries,
        doc.shipping as shippings,
        {{ list_map('doc.paymentInfo.payments', 'payment', 'payment.id') }} as payment_ids,
        {{ list_map('doc.discountCodes', 'entry', 'entry.discountCode.id') }} as discount_code_ids,
        -- times
        {{ try_ts_from_iso('doc.completedAt') }} as completed_at,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc is null then 'the document is not a JSON object'
            when doc.orderState is null then 'orderState is missing'
            {{ money_reasons('doc.totalPrice', 'totalPrice') }}
            {{ line_item_reasons('doc.lineItems') }}
            when doc.completedAt is not null and {{ try_ts_from_iso('doc.completedAt') }} is null
                then 'completedAt is not a time'
            when created_at is null then 'createdAt is missing or not a time'
        end as rejection_reason
    from opened
)

select * from renamed
