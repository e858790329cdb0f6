-- Grain: order_id, from_status, to_status, changed_at. One authority per installation says when a
-- status changed: Messages if they were on at go-live, else the versions we read. Mixing them would
-- give one change two times, hence two events.
with authority as (
    select coalesce(max(authority), 'history') as authority
    from {{ source('control', 'authority') }}
    where kind = 'order_cancelled'
),

history_start as (
    select {{ ts_utc('min(loaded_at)') }} as started_at
    from {{ source('raw', 'customers_history') }}
),

messages as (
    select * from {{ ref('stg_commercetools__order_state_messages') }}
),

versions as (
    select
        *,
        lag(order_status) over (partition by order_id order by version) as from_status,
        row_number() over (partition by order_id order by version) = 1 as is_first_seen
    from {{ ref('stg_commercetools__order_versions') }}
),

changes as (
    select
        order_id,
        from_status,
        to_status,
        occurred_at as changed_at,
        'messages' as authority
    from messages

    union all

    -- what an order was before we first saw it is not known, unless it was made while we were
    -- looking
    select
        versions.order_id,
        versions.from_status,
        versions.order_status as to_status,
        versions.last_modified_at as changed_at,
        'history' as authority
    from versions
    cross join history_start
    where
        case
            when versions.is_first_seen then versions.created_at >= history_start.started_at
            else versions.from_status <> versions.order_status
        end
),

authoritative as (
    select changes.*
    from changes
    inner join authority on changes.authority = authority.authority
)

select * from authoritative
