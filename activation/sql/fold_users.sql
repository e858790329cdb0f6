-- Users and their fields as Iterable holds them after the settlements in `fold_items` and
-- `fold_fields`: the newest accepted address and id of each person, the newest delivered value of
-- each field, and the fingerprint over all fields.
create or replace temp table fold_users as
select
    person_key,
    email,
    user_id,
    make_timestamp(settled_at_ms * 1000) as accepted_at
from fold_items
where state = 'accepted' and object in ('users', 'identities') and kind <> 'deletion'
qualify row_number() over (partition by person_key order by settled_at_ms desc, item_id desc) = 1;

-- with a user that Iterable deleted for us went every field; fold_gone.sql takes the user itself
create or replace temp table fold_emptied as
select
    person_key,
    max(settled_at_ms) as settled_at_ms
from fold_items
where object = 'identities' and kind = 'deletion' and state = 'accepted'
group by person_key;

delete from delivered.user_fields
using fold_emptied
where user_fields.person_key = fold_emptied.person_key;

delete from delivered.users
using fold_users
where users.person_key = fold_users.person_key;

insert into delivered.users by name
select
    person_key,
    email,
    user_id,
    cast(null as varchar) as fields_fingerprint,
    accepted_at
from fold_users;

-- Who had an address and no userId is, from the moment another person was accepted with that
-- address, that other Iterable user: a guest who registered, or in an e-mail-based project whoever
-- owns the address now. The new owner takes over the fields, and the former is nobody there.
create or replace temp table fold_adopted as
select
    owners.person_key,
    formers.person_key as guest_key,
    formers.accepted_at
from delivered.users as formers
inner join delivered.users as owners
    on formers.email = owners.email and formers.person_key <> owners.person_key
where
    formers.user_id is null
    and (owners.accepted_at, owners.user_id is not null, owners.person_key)
    > (formers.accepted_at, false, formers.person_key)
    and (
        exists (
            select 1 from fold_users
            where owners.person_key = fold_users.person_key
        )
        or exists (
            select 1 from fold_users
            where formers.person_key = fold_users.person_key
        )
    )
qualify row_number() over (
    partition by formers.person_key order by owners.accepted_at desc, owners.person_key desc
) = 1;

create or replace temp table fold_user_fields as
select
    coalesce(fold_adopted.person_key, fold_fields.person_key) as person_key,
    fold_fields.field,
    fold_fields.type,
    fold_fields.value,
    fold_fields.fingerprint
from fold_fields
left join fold_adopted on fold_fields.person_key = fold_adopted.guest_key
left join fold_emptied on fold_fields.person_key = fold_emptied.person_key
where
    fold_fields.object = 'users'
    and fold_fields.settled_at_ms > coalesce(fold_emptied.settled_at_ms, 0)
qualify row_number() over (
    partition by coalesce(fold_adopted.person_key, fold_fields.person_key), fold_fields.field
    order by fold_fields.settled_at_ms desc, fold_fields.item_id desc
) = 1;

delete from delivered.user_fields
using fold_user_fields
where
    user_fields.person_key = fold_user_fields.person_key
    and user_fields.field = fold_user_fields.field;

-- a field without a fingerprint was removed and stays as a tombstone, so that nobody takes what was
-- found at first sight for its value; one with a fingerprint but no value was erased from the ledger;
-- `unknown` is one that Iterable was found to show differently
insert into delivered.user_fields by name
select * from fold_user_fields;

insert into delivered.user_fields by name
select
    fold_adopted.person_key,
    guest_fields.field,
    guest_fields.type,
    guest_fields.value,
    guest_fields.fingerprint
from fold_adopted
inner join delivered.user_fields as guest_fields on fold_adopted.guest_key = guest_fields.person_key
where
    not exists (
        select 1 from delivered.user_fields as own
        where own.person_key = fold_adopted.person_key and own.field = guest_fields.field
    )
qualify row_number() over (
    partition by fold_adopted.person_key, guest_fields.field order by fold_adopted.accepted_at desc
) = 1;

delete from delivered.user_fields
using fold_adopted
where user_fields.person_key = fold_adopted.guest_key;

delete from delivered.users
using fold_adopted
where users.person_key = fold_adopted.guest_key;

-- one list of who is concerned: three conditions joined by "or" would be asked of every field of everybody
create or replace temp table fold_touched as
select person_key from fold_users
union
select person_key from fold_adopted
union
select person_key from fold_user_fields;

update delivered.users
set fields_fingerprint = fingerprints.fields_fingerprint
from (
    select
        user_fields.person_key,
        sha256(
            string_agg(
                user_fields.field || '=' || user_fields.fingerprint, chr(10)
                order by user_fields.field
            )
        ) as fields_fingerprint
    from delivered.user_fields
    semi join fold_touched on user_fields.person_key = fold_touched.person_key
    where user_fields.fingerprint <> ''
    group by user_fields.person_key
) as fingerprints
where users.person_key = fingerprints.person_key;

drop table fold_adopted;
drop table fold_emptied;
drop table fold_users;
drop table fold_user_fields;
drop table fold_touched;
