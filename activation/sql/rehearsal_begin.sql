create or replace table control.rehearsed as
select
    wanted.object,
    wanted.subject
from (
    select
        unnest($objects::varchar[]) as object,
        unnest($subjects::varchar[]) as subject
) as wanted
semi join delivered.outcomes as outcomes
    on wanted.object = outcomes.object and wanted.subject = outcomes.subject and outcomes.is_sticky
