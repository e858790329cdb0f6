-- When this run was built: facts ahead that could go, and those that waited for a live cart, up to a
-- place and after it. Parameters: the place in microseconds and subject; null: before all of them.
select
    count(*) filter (where not waits_for_cart) as could_go,
    count(*) filter (where waits_for_cart and coalesce(is_within, false)) as passed_over,
    count(*) filter (where waits_for_cart and not coalesce(is_within, false)) as waiting_ahead
from (
    select
        waits_for_cart,
        (occurred_at, subject) <= (make_timestamp($1::bigint), $2) as is_within
    from changes.history_to_release
    where is_ahead
) as ahead
