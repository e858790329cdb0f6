{{ config(materialized='table') }}
-- Grain: cart_id, started_at. A stretch in which nobody changed a cart: neither status nor lines
-- nor the way to the order. The last one of a cart has no end yet.
with versions as (
    select * from {{ ref('stg_commercetools__cart_versions') }}
),

described as (
    select
        *,
        cart_status || chr(30) || coalesce(content, '') || chr(30) || coalesce(checkout_step, '')
            as appearance
    from versions
),

sequenced as (
    select
        *,
        lag(appearance) over (partition by cart_id order by version) as appearance_before,
        row_number() over (partition by cart_id order by version) = 1 as is_first_seen
    from described
),

changed as (
    select
        *,
        lead(last_modified_at) over (partition by cart_id order by version) as ended_at
    from sequenced
    where appearance_before is distinct from appearance
),

periods as (
    select
        cart_id,
        cart_status,
        {{ sha256_hex("coalesce(content, '')") }} as content_key,
        coalesce(content, '') = '' as is_empty,
        checkout_step,
        last_modified_at as started_at,
        ended_at,
        is_first_seen
    from changed
)

select * from periods
