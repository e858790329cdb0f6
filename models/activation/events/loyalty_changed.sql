-- Grain: event_id. Tier or points of the loyalty programme changed.
with changes as (
    select * from {{ ref('int_customers__loyalty_changes') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('loyalty_changed', [
            'changes.customer_id', 'changes.from_tier', 'changes.to_tier', 'changes.from_points',
            'changes.to_points', ts_iso('changes.changed_at')
        ]) }} as event_id,
        changes.from_tier as previous_loyalty_tier,
        changes.to_tier as loyalty_tier,
        changes.from_points as previous_loyalty_points,
        changes.to_points as loyalty_points,
        {{ event_envelope(
            'people', 'customer', 'people.customer_id', 'null', 'changes.changed_at',
            'changes.changed_at'
        ) }}
    from changes
    inner join people on changes.customer_id = people.customer_id
)

select * from events
