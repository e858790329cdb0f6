-- Grain: field. Profile fields that people had at Iterable at first sight or that a sync would
-- write now: how many people have it there, and in how many a sync fills, overwrites or clears it.
with existing as (
    select
        case when field like 'consent.%' then 'consent' else field end as field,
        count(distinct coalesce(user_id, email)) as people_there
    from {{ ref('stg_iterable__user_fields') }}
    group by 1
),

opened as (
    select
        changed.entry.field as field,  -- noqa: RF01, AL09
        changed.entry.before as before,  -- noqa: RF01, AL09
        changed.entry.after as after,  -- noqa: RF01, AL09
        people.person_key
    from {{ ref('changed_users') }} as people
    cross join {{ list_each('people.changed_fields', 'changed', 'entry') }}
    where people.verdict = 'send'
),

written as (
    select
        case when field like 'consent.%' then 'consent' else field end as field,
        count(distinct case when before is null then person_key end) as fills,
        count(distinct case when before is not null and after is not null then person_key end)
            as overwrites,
        count(distinct case when before is not null and after is null then person_key end) as clears
    from opened
    group by 1
),

joined as (
    select
        coalesce(existing.field, written.field) as field,
        coalesce(existing.people_there, 0) as people_there,
        coalesce(written.fills, 0) as fills,
        coalesce(written.overwrites, 0) as overwrites,
        coalesce(written.clears, 0) as clears
    from existing
    full join written on existing.field = written.field
)

select * from joined
