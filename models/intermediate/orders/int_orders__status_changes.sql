-- Grain: order_id, status_type, from_status, to_status, changed_at, authority. Messages and the
-- versions we read both tell when a status changed. An event takes the one that is its authority in
-- this installation: mixing them would give one change two times, hence two events.
with history_start as (
    select {{ ts_utc('min(loaded_at)') }} as started_at
    from {{ source('raw', 'customers_history') }}
),

messages as (
    select * from {{ ref('stg_commercetools__order_state_messages') }}
),

versions as (
    {%- for type in ['order', 'payment', 'shipment'] %}
        select
            order_id,
            '{{ type }}' as status_type,
            version,
            lag({{ type }}_status) over order_versions as from_status,
            {{ type }}_status as to_status,
            row_number() over order_versions = 1 as is_first_seen,
            created_at,
            last_modified_at
        from {{ ref('stg_commercetools__order_versions') }}
        window order_versions as (partition by order_id order by version)
        {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

changes as (
    select
        order_id,
        status_type,
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
        versions.status_type,
        versions.from_status,
        versions.to_status,
        versions.last_modified_at as changed_at,
        'history' as authority
    from versions
    cross join history_start
    where
        versions.to_status is not null
        and case
            when versions.is_first_seen then versions.created_at >= history_start.started_at
            else versions.from_status is distinct from versions.to_status
        end
)

select * from changes
