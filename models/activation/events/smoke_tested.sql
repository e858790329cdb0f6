-- Grain: event_id. `cartwire smoke` tried the way to Iterable for a test profile. control.smoke has
-- its row only while the command runs, so no sync ever sends one.
with smokes as (
    select * from {{ source('control', 'smoke') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null and is_test
),

owners as (
    select profile_id from {{ ref('iterable_users') }}
    where is_owner
),

events as (
    select
        {{ fact_id('smoke_tested', ['smokes.smoke_id']) }} as event_id,
        {{ event_envelope(
            'people', 'smoke', 'smokes.smoke_id', 'null', 'smokes.started_at', 'smokes.started_at'
        ) }}
    from smokes
    inner join people
        on
            coalesce(smokes.user_id, people.customer_id, '') = coalesce(people.customer_id, '')
            and coalesce(smokes.email, people.email) = people.email
    inner join owners on people.profile_id = owners.profile_id
)

select * from events
