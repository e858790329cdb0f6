-- Facts ahead that waited for a live cart when this run was built, up to a place; all of them where
-- there is none. Parameters: the place in microseconds and subject.
select count(*) as facts
from changes.history_to_release
where
    is_ahead
    and waits_for_cart
    and ($1 is null or (occurred_at, subject) <= (make_timestamp($1::bigint), $2))
