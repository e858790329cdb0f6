-- All resources at once, so that a sweep marks everything or nothing.
insert into control.sweep_findings
select
    resource,
    id,
    finding,
    $started_at as observed_at
from sweep_changes;
