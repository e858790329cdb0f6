-- The verdict that holds for each subject of the settlements in `fold_items`. Of several the newest
-- holds, but
--   a fact that was accepted stays accepted, whatever later run tried it again;
--   a verdict that is neither accepted nor sticky (held by a guard, by a failed test) displaces
--   neither: the diff plans its row again anyhow, and what Iterable holds, and how much of it, is
--   still what was accepted.
-- An accepted purchase empties an accepted cart: Iterable clears the cart when it takes a purchase.
-- A cart that was held or suppressed never arrived there, so its verdict stands.
create or replace temp table fold_outcomes as
with verdicts as (
    select
        object,
        kind,
        subject,
        person_key,
        fingerprint,
        state,
        nullif(reason, '') as reason,
        is_sticky,
        run_id,
        make_timestamp(settled_at_ms * 1000) as settled_at,
        item_id
    from fold_items
),

purchases as (
    select
        person_key,
        max_by(run_id, struct_pack(settled_at := settled_at, item_id := item_id)) as run_id,
        max(settled_at) as settled_at
    from verdicts
    where object = 'purchases' and state = 'accepted'
    group by person_key
),

standing as (
    select
        outcomes.object,
        outcomes.kind,
        outcomes.subject,
        outcomes.person_key,
        outcomes.fingerprint,
        outcomes.state,
        outcomes.reason,
        outcomes.is_sticky,
        outcomes.run_id,
        outcomes.settled_at,
        0 as item_id
    from delivered.outcomes
    where
        exists (
            select 1 from verdicts
            where outcomes.object = verdicts.object and outcomes.subject = verdicts.subject
        )
        or (
            outcomes.object = 'carts'
            and exists (select 1 from purchases where outcomes.subject = purchases.person_key)
        )
),

candidates as (
    select * from verdicts
    union all
    select * from standing
),

holding as (
    select *
    from candidates
    qualify row_number() over (
        partition by object, subject
        order by
            case
                when state = 'accepted' and object in ('purchases', 'events') then 2
                when state = 'accepted' or is_sticky then 1
                else 0
            end desc,
            settled_at desc,
            item_id desc
    ) = 1
)

select
    holding.object,
    holding.kind,
    holding.subject,
    holding.person_key,
    case when purchases.person_key is null then holding.fingerprint else 'empty' end as fingerprint,
    holding.state,
    holding.reason,
    holding.is_sticky,
    coalesce(purchases.run_id, holding.run_id) as run_id,
    coalesce(purchases.settled_at, holding.settled_at) as settled_at
from holding
left join purchases
    on
        holding.object = 'carts'
        and holding.state = 'accepted'
        and holding.subject = purchases.person_key
        and holding.settled_at < purchases.settled_at;

delete from delivered.outcomes
using fold_outcomes
where outcomes.object = fold_outcomes.object and outcomes.subject = fold_outcomes.subject;

insert into delivered.outcomes by name
select * from fold_outcomes;

drop table fold_outcomes;
