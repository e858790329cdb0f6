-- Grain: event_id. A person's word on one channel and purpose changed. The id is over the
-- person's key, not the address.
with consent_changes as (
    select * from {{ ref('int_consent__changes') }}
),

-- a deletion takes consent everywhere and is an event of its own
people as (
    select * from {{ ref('profiles') }}
    where email is not null and is_deleted is not true
),

events as (
    select
        {{ fact_id('consent_changed', [
            'people.person_key', 'consent_changes.channel', 'consent_changes.purpose', 'consent_changes.from_status',
            'consent_changes.to_status', ts_iso('consent_changes.changed_at')
        ]) }} as event_id,
        consent_changes.channel as consent_channel,
        consent_changes.purpose as consent_purpose,
        consent_changes.from_status as previous_consent_status,
        consent_changes.to_status as consent_status,
        {{ event_envelope(
            'people', 'person', 'people.person_key', 'null', 'consent_changes.changed_at',
            'people.source_modified_at'
        ) }}
    from consent_changes
    inner join people on consent_changes.profile_id = people.profile_id
)

select * from events
