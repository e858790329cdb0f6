-- The verdict that holds for each subject of the settlements in `fold_items`. Of several the newest
-- holds, but
--   a fact that was accepted stays accepted, whatever later run tried it again;
--   a verdict that is neither accepted nor sticky (held by a guard, by a failed test) displaces
--   neither: the diff plans its row again anyhow, and what Iterable holds, and how much of it, is
--   still what was accepted;
--   a verdict on the same row takes the place of its former one: somebody let it go again, and it is
--   not sticky any more.
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
    semi join verdicts on outcomes.object = verdicts.object and outcomes.subject = verdicts.subject
    anti join verdicts as same_row
        on
            outcomes.object = same_row.object
            and outcomes.subject = same_row.subject
            and outcomes.run_id = same_row.run_id
),

candidates as (
    select * from verdicts
    union all
    select * from standing
)

select * exclude (item_id)
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
) = 1;

delete from delivered.outcomes
using fold_outcomes
where outcomes.object = fold_outcomes.object and outcomes.subject = fold_outcomes.subject;

insert into delivered.outcomes by name
select * from fold_outcomes;

-- since a field of theirs was found to differ at Iterable, what it accepted of a person is not what it
-- should have
update delivered.outcomes
set fingerprint = 'unknown'
from fold_fields
where
    fold_fields.object = 'users'
    and fold_fields.fingerprint = 'unknown'
    and outcomes.object = 'users'
    and outcomes.subject = fold_fields.person_key
    and outcomes.state = 'accepted'
    and outcomes.settled_at <= make_timestamp(fold_fields.settled_at_ms * 1000);

drop table fold_outcomes;
