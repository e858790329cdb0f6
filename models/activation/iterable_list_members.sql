-- Grain: subject (person_key and list). Who should be on which static list: everybody whose flag is
-- true, while the customer exists. Who is on it and should not be is the diff's to find.
with kept as (
    select * from {{ ref('int_lists__kept') }}
),

flags as (
    select * from {{ ref('int_lists__flags') }}
),

people as (
    select * from {{ ref('iterable_users') }}
    where should_exist
),

listed as (
    select
        people.person_key || ':' || coalesce(kept.list_id, kept.list_name) as subject,
        kept.list_name,
        kept.list_id as iterable_list_id,
        kept.source as flag,
        kept.hold_reason,
        people.profile_id,
        people.person_key,
        people.market_code,
        people.source_modified_at,
        people.is_test
    from kept
    inner join flags on kept.source = flags.source
    inner join people on flags.profile_id = people.profile_id
)

select * from listed
