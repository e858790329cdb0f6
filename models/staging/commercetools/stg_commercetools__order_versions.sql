-- Grain: order_id, version. Statuses and content of each version read, of orders that may have
-- changed while we were looking: those read in more than one version, and those made since. A
-- version that cannot be read is left out.
with versions as (
    select * from {{ ref('base_commercetools__order_versions') }}
),

of_interest as (
    select
        order_id,
        version,
        created_at,
        last_modified_at,
        order_status,
        payment_status,
        shipment_status,
        line_content,
        address_content
    from versions
    where
        order_status is not null
        and (
            order_id in (
                select several.order_id
                from versions as several
                group by several.order_id
                having count(*) > 1
            )
            or created_at >= (
                select {{ ts_utc('min(customers.loaded_at)') }}
                from {{ source('raw', 'customers_history') }} as customers
            )
        )
)

select * from of_interest
