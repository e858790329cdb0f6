-- Two users of one person that Iterable made one in the settlements of `fold_items`: the guest's user is
-- gone, and whose values, cart, lists and unsubscribes the other has now nobody knows. So all that was
-- delivered until then counts as unknown, and the diff sends it again. Runs before fold_gone.sql, which
-- takes the guest's user away by `fold_merged`.
create or replace temp table fold_merged as
select
    pairs.person_key,
    guests.person_key as guest_key,
    guests.email as guest_email,
    guests.user_id as guest_user_id,
    pairs.settled_at_ms,
    make_timestamp(pairs.settled_at_ms * 1000) as merged_at
from fold_items as pairs
inner join delivered.users as guests
    on
        pairs.source_user_id = guests.user_id
        or (guests.user_id is null and pairs.source_email = guests.email)
where
    pairs.object = 'identities'
    and pairs.kind = 'merge'
    and pairs.state = 'accepted'
    and pairs.person_key <> guests.person_key
qualify row_number() over (partition by guests.person_key order by pairs.settled_at_ms desc, pairs.item_id desc) = 1;

-- a field without a fingerprint is one of which nothing is known to be there
create or replace temp table fold_unknown_fields as
select distinct
    fold_merged.person_key,
    user_fields.field,
    user_fields.type
from fold_merged
inner join delivered.user_fields
    on user_fields.person_key in (fold_merged.person_key, fold_merged.guest_key)
where not exists (
    select 1 from fold_fields as later
    where
        later.object = 'users'
        and later.person_key = fold_merged.person_key
        and later.field = user_fields.field
        and later.settled_at_ms > fold_merged.settled_at_ms
);

delete from delivered.user_fields
using fold_unknown_fields as unknown
where user_fields.person_key = unknown.person_key and user_fields.field = unknown.field;

insert into delivered.user_fields by name
select
    *,
    cast(null as varchar) as value,
    '' as fingerprint
from fold_unknown_fields
qualify row_number() over (partition by person_key, field order by type) = 1;

update delivered.users
set fields_fingerprint = null
from fold_merged
where users.person_key = fold_merged.person_key;

-- a cart of either may be shown now; that it must be emptied shows in the verdict on the guest's
insert into delivered.carts by name
select
    fold_merged.person_key,
    carts.fingerprint,
    carts.accepted_at
from fold_merged
inner join delivered.carts on fold_merged.guest_key = carts.person_key
where
    not exists (
        select 1 from delivered.carts as own
        where own.person_key = fold_merged.person_key
    );

update delivered.carts
set fingerprint = 'unknown'
from fold_merged
where carts.person_key = fold_merged.person_key and carts.accepted_at <= fold_merged.merged_at;

update delivered.outcomes
set person_key = fold_merged.person_key, subject = fold_merged.person_key
from fold_merged
where
    outcomes.object = 'carts'
    and outcomes.subject = fold_merged.guest_key
    and not exists (
        select 1 from delivered.outcomes as own
        where own.object = 'carts' and own.subject = fold_merged.person_key
    );

delete from delivered.outcomes
using fold_merged
where
    outcomes.person_key = fold_merged.person_key
    and outcomes.settled_at <= fold_merged.merged_at
    and outcomes.object in ('withdrawals', 'users', 'lists');

delete from delivered.list_members
using fold_merged
where
    list_members.person_key = fold_merged.person_key
    and list_members.accepted_at <= fold_merged.merged_at;

delete from delivered.user_fields
using fold_merged
where user_fields.person_key = fold_merged.guest_key;

drop table fold_unknown_fields;
