{{ config(materialized='table') }}
-- Grain: cart_id, version. Status, content and progress of each version of a cart; of carts read
-- once, that version. commercetools raises a version without content, so versions alone say
-- nothing.
{%- set shape = {
    'cartState': 'text',
    'lineItems': [{'id': 'text', 'productId': 'text', 'quantity': 'long', 'variant': {'sku': 'text'}}]
} %}
{%- do shape.update(shape_checkout()) %}
with several as (
    select id
    from {{ source('raw', 'carts_history') }}
    group by id
    having count(*) > 1
),

opened as (
    select
        id as cart_id,
        version,
        {{ json_open('document', shape) }} as doc,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from {{ source('raw', 'carts_history') }}
    where id in (select several.id from several)
),

versions as (
    select
        cart_id,
        version,
        {{ status_word('doc.cartState') }} as cart_status,
        {{ basket_content('doc.lineItems') }} as content,
        {{ checkout_step('doc') }} as checkout_step,
        last_modified_at
    from opened
    where doc.cartState is not null

    union all

    select
        cart_id,
        version,
        cart_status,
        content,
        checkout_step,
        last_modified_at
    from {{ ref('stg_commercetools__carts') }}
    where cart_id not in (select several.id from several)
)

select * from versions
