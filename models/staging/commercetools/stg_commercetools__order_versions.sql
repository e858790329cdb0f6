-- Grain: order_id, version. The status of each version read, of orders that may have changed while
-- we were looking: those read in more than one version, and those made since. A version that cannot
-- be read is left out.
with history as (
    select * from {{ source('raw', 'orders_history') }}
    where
        id in (
            select several.id
            from {{ source('raw', 'orders_history') }} as several
            group by several.id
            having count(*) > 1
        )
        or created_at >= (
            select min(customers.loaded_at)
            from {{ source('raw', 'customers_history') }} as customers
        )
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

-- grouped, though each version is one row: a plain filter would be applied to all of history first
readable as (
    select
        order_id,
        version,
        created_at,
        last_modified_at,
        max(order_status) as order_status
    from opened
    group by order_id, version, created_at, last_modified_at
    having max(order_status) is not null
)

select * from readable
