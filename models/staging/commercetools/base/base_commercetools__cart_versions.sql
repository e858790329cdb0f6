{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_vanished_versions(['carts'], 'cart_id') }}"
) }}
-- Grain: cart_id, version. Status, content and progress of each version of a cart, opened once,
-- when it comes.
{%- set shape = {'cartState': 'text', 'lineItems': shape_basket_content()} %}
{%- do shape.update(shape_checkout()) %}
with unopened as (
    {{ unopened_versions('carts', 'cart_id') }}
),

opened as (
    select
        id as cart_id,
        version,
        {{ json_open('document', shape) }} as doc,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from unopened
),

described as (
    select
        cart_id,
        version,
        {{ status_word('doc.cartState') }} as cart_status,
        {{ basket_content('doc.lineItems') }} as content,
        {{ checkout_step('doc') }} as checkout_step,
        last_modified_at
    from opened
)

select * from described
