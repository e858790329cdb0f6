-- What a backfill would still send, by object, kind and market; and what waits for a live cart.
select
    object,
    kind,
    market_code,
    count(*) filter (where is_ahead and not waits_for_cart) as facts,
    count(distinct person_key) filter (where is_ahead and not waits_for_cart) as people,
    count(*) filter (where waits_for_cart) as waiting,
    count(distinct person_key) filter (where has_live_cart and not waits_for_cart) as emptied_carts,
    min(occurred_at) filter (where is_ahead and not waits_for_cart) as first_at,
    max(occurred_at) filter (where is_ahead and not waits_for_cart) as last_at
from changes.history_to_release
group by object, kind, market_code
order by object, kind, market_code
