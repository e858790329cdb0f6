-- Grain: order_id, content_key. What an order came to contain after it was placed: lines and
-- addresses, by one hash. Versions without a change of either say nothing; the same content again
-- is the same change.
with versions as (
    select * from {{ ref('stg_commercetools__order_versions') }}
),

sequenced as (
    select
        order_id,
        line_content,
        address_content,
        lag(line_content) over order_versions as line_content_before,
        lag(address_content) over order_versions as address_content_before,
        row_number() over order_versions = 1 as is_first_seen,
        last_modified_at
    from versions
    window order_versions as (partition by order_id order by version)
),

changed as (
    select
        order_id,
        {{ sha256_hex("coalesce(line_content, '') || chr(30) || coalesce(address_content, '')") }}
            as content_key,
        (line_content is distinct from line_content_before) as are_lines_changed,
        (address_content is distinct from address_content_before) as is_address_changed,
        last_modified_at as changed_at
    from sequenced
    where
        not is_first_seen
        and (
            line_content is distinct from line_content_before
            or address_content is distinct from address_content_before
        )
),

first_time as (
    select * from changed
    qualify row_number() over (
        partition by order_id, content_key order by changed_at asc, are_lines_changed desc
    ) = 1
)

select * from first_time
