-- Users whom Iterable deleted for us in the settlements of `fold_items`, or merged into another
-- (`fold_merged`): nothing that it accepted of them until then stands there any more. A person who
-- comes back is new to it, so also the verdicts on their state are forgotten; facts stay sent for
-- ever. Runs after all other steps.
create or replace temp table fold_gone as
select
    person_key,
    email,
    user_id,
    make_timestamp(settled_at_ms * 1000) as gone_at
from fold_items
where object = 'identities' and kind = 'deletion' and state = 'accepted'
qualify row_number() over (partition by person_key order by settled_at_ms desc, item_id desc) = 1
union all
select
    guest_key as person_key,
    guest_email as email,
    guest_user_id as user_id,
    merged_at as gone_at
from fold_merged;

delete from delivered.users
using fold_gone
where users.person_key = fold_gone.person_key and users.accepted_at <= fold_gone.gone_at;

delete from delivered.carts
using fold_gone
where carts.person_key = fold_gone.person_key and carts.accepted_at <= fold_gone.gone_at;

delete from delivered.list_members
using fold_gone
where
    list_members.person_key = fold_gone.person_key
    and list_members.accepted_at <= fold_gone.gone_at;

delete from delivered.outcomes
using fold_gone
where
    outcomes.person_key = fold_gone.person_key
    and outcomes.settled_at <= fold_gone.gone_at
    and outcomes.object in ('withdrawals', 'users', 'carts', 'lists');

-- what was found at first sight never changes, so it is said here who is not called that any more:
-- the deleted and the merged, and in an e-mail-based project whoever got another address
insert into delivered.gone_users by name
select * from fold_gone
union all
select
    person_key,
    previous_email as email,
    cast(null as varchar) as user_id,
    make_timestamp(settled_at_ms * 1000) as gone_at
from fold_items
where object = 'identities' and state = 'accepted' and previous_email is not null;

drop table fold_gone;
drop table fold_merged;
