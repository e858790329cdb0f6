-- Grain: event_id. A customer has another address. No address is in here: the keyed
-- hashes only tell whether two are the same.
with changes as (
    select * from {{ ref('int_customers__email_changes') }}
    where authority = {{ authority_of('customer_email_changed') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('customer_email_changed', [
            'changes.customer_id', 'changes.to_email_key', ts_iso('changes.changed_at')
        ]) }} as event_id,
        changes.from_email_key,
        changes.to_email_key,
        {{ event_envelope(
            'people', 'customer', 'people.customer_id', 'null', 'changes.changed_at',
            'changes.changed_at'
        ) }}
    from changes
    inner join people on changes.customer_id = people.customer_id
)

select * from events
