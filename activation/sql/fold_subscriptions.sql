-- What we did to subscriptions at Iterable in the settlements of `fold_items`, and what dead runs may
-- have done. Rows are added and never change: an echo of any of them may still come back as an event.
insert into delivered.subscription_writes by name
select
    item_id,
    person_key,
    email,
    user_id,
    subscription_group,
    subscription_id,
    action,
    cause,
    make_timestamp(stated_at_ms * 1000) as stated_at,
    make_timestamp(claimed_at_ms * 1000) as claimed_at,
    make_timestamp(settled_at_ms * 1000) as settled_at,
    is_accepted,
    is_overwriting
from fold_writes;
