-- Grain: event_id. A customer joined, changed or left a customer group.
with changes as (
    select * from {{ ref('int_customers__group_changes') }}
    where authority = {{ authority_of('customer_group_changed') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('customer_group_changed', [
            'changes.customer_id', 'changes.from_group', 'changes.to_group', ts_iso('changes.changed_at')
        ]) }} as event_id,
        changes.from_group as previous_customer_group,
        changes.to_group as customer_group,
        {{ event_envelope(
            'people', 'customer', 'people.customer_id', 'null', 'changes.changed_at',
            'changes.changed_at'
        ) }}
    from changes
    inner join people on changes.customer_id = people.customer_id
)

select * from events
