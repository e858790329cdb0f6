-- Grain: payment_id, transaction_id. When a successful refund was first seen: dates a refund that
-- carries no timestamp, so that a later touch of the payment does not move it.
with versions as (
    select * from {{ ref('base_commercetools__payment_versions') }}
),

sightings as (
    select
        versions.payment_id,
        refunds.transaction_id,
        min(versions.last_modified_at) as first_seen_at
    from versions
    cross join {{ list_each('versions.refund_ids', 'refunds', 'transaction_id') }}
    group by versions.payment_id, refunds.transaction_id
)

select * from sightings
