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
where state = 'accepted' and object in ('users', 'identities')
qualify row_number() over (partition by person_key order by settled_at_ms desc, item_id desc) = 1;

create or replace temp table fold_user_fields as
select
    person_key,
    field,
    type,
    value,
    fingerprint
from fold_fields
where object = 'users'
qualify row_number() over (
    partition by person_key, field order by settled_at_ms desc, item_id desc
) = 1;

delete from delivered.user_fields
using fold_user_fields
where
    user_fields.person_key = fold_user_fields.person_key
    and user_fields.field = fold_user_fields.field;

-- a field without a fingerprint was removed; one with a fingerprint but no value was erased from
-- the ledger
insert into delivered.user_fields by name
select * from fold_user_fields
where fingerprint <> '';

delete from delivered.users
using fold_users
where users.person_key = fold_users.person_key;

insert into delivered.users by name
select
    fold_users.person_key,
    fold_users.email,
    fold_users.user_id,
    fingerprints.fields_fingerprint,
    fold_users.accepted_at
from fold_users
left join (
    select
        user_fields.person_key,
        sha256(
            string_agg(
                user_fields.field || '=' || user_fields.fingerprint, chr(10)
                order by user_fields.field
            )
        ) as fields_fingerprint
    from delivered.user_fields
    semi join fold_users on user_fields.person_key = fold_users.person_key
    group by user_fields.person_key
) as fingerprints
    on fold_users.person_key = fingerprints.person_key;

drop table fold_users;
drop table fold_user_fields;
