-- History that one run was the first to see, by kind. Parameter: run.
select
    kind,
    count(*) as facts
from delivered.held_history
where run_id = $1
group by kind
order by kind
