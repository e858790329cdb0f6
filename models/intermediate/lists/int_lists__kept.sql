-- Grain: list_name. The lists that config/iterable_lists.csv keeps, found at Iterable by name, and
-- why nobody may be put on one.
with configured as (
    select * from {{ ref('iterable_lists') }}
    where is_enabled
),

found as (
    select
        list_name,
        count(*) as lists_of_that_name,
        min(list_id) as list_id,
        bool_and(list_type = 'Standard') as is_static
    from {{ ref('stg_iterable__lists') }}
    group by list_name
),

kept as (
    select
        configured.list_name,
        configured.source,
        configured.removes_found_members,
        found.list_id,
        case
            when found.list_id is null then 'no list of this name is at Iterable'
            when found.lists_of_that_name > 1 then 'more than one list has this name at Iterable'
            when not found.is_static then 'the list at Iterable is not a static one'
        end as hold_reason
    from configured
    left join found on configured.list_name = found.list_name
)

select * from kept
