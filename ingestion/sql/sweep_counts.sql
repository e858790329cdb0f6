-- Of one resource: rows held to be there before this sweep, and what the sweep would change.
select
    (
        select count(*)
        from query_table($table) as loaded
        where not exists (
            select 1
            from control.sweep_findings as findings
            where
                findings.resource = $resource
                and findings.id = loaded.id
                and findings.finding = 'vanished'
                and findings.observed_at >= loaded.loaded_at
        )
    ) as living,
    count(*) filter (where finding = 'vanished' and not is_expected) as vanished,
    count(*) filter (where finding = 'vanished' and is_expected) as expired,
    count(*) filter (where finding = 'reappeared') as reappeared
from sweep_changes
where resource = $resource;
