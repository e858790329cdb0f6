-- History that this run is the first to see. Parameters: run, moment, held objects and kinds.
insert into delivered.held_history by name
select
    fresh.object,
    fresh.kind,
    fresh.subject,
    fresh.person_key,
    fresh.occurred_at,
    fresh.reason,
    $1 as run_id,
    $2 as seen_at,
    fresh.market_code
from changes.new_held_history as fresh
anti join delivered.held_history as known
    on fresh.object = known.object and fresh.subject = known.subject
where
    not list_contains($3::varchar[], fresh.object)
    and not list_contains($3::varchar[], fresh.kind)
