-- Grain: order_id, version. The status of each version ever read; a version that cannot be read is
-- left out.
with history as (
    select * from {{ source('raw', 'orders_history') }}
),

opened as (
    select
        id as order_id,
        version,
        {{ status_word(json_open('document', {'orderState': 'text'}) ~ '.orderState') }}
            as order_status,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at
    from history
),

readable as (
    select * from opened
    where order_status is not null
)

select * from readable
