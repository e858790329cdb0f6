-- Of one resource: rows held to be there before this sweep, and what the sweep would change.
with newest_findings as (
    select
        id,
        finding,
        observed_at
    from control.sweep_findings
    where resource = $resource
    qualify row_number() over (partition by id order by observed_at desc, finding = 'reappeared' desc) = 1
),

gone as (
    select count(*) as gone
    from newest_findings
    inner join query_table($table) as loaded on newest_findings.id = loaded.id
    where newest_findings.finding = 'vanished' and loaded.loaded_at <= newest_findings.observed_at
),

loaded as (
    select count(*) as loaded
    from query_table($table)
),

changes as (
    select
        count(*) filter (where finding = 'vanished' and not is_expected) as vanished,
        count(*) filter (where finding = 'vanished' and is_expected) as expired,
        count(*) filter (where finding = 'reappeared') as reappeared
    from sweep_changes
    where resource = $resource
)

select
    loaded.loaded - gone.gone as living,
    changes.vanished,
    changes.expired,
    changes.reappeared
from loaded, gone, changes;
