-- Who is on which static list after the settlements in `fold_items`: the newest accepted row of each
-- person and list. A row that was refused or held later changes nothing at Iterable.
create or replace temp table fold_lists as
select
    person_key,
    bulk_key as list_id,
    kind = 'list_add' as is_member,
    make_timestamp(settled_at_ms * 1000) as accepted_at
from fold_items
where object = 'lists' and state = 'accepted'
qualify row_number() over (
    partition by person_key, bulk_key order by settled_at_ms desc, item_id desc
) = 1;

delete from delivered.list_members
using fold_lists
where
    list_members.person_key = fold_lists.person_key
    and list_members.list_id = fold_lists.list_id;

insert into delivered.list_members by name
select * from fold_lists;

drop table fold_lists;
