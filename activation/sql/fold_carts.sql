-- The cart Iterable shows of each person after the settlements in `fold_items`: the newest accepted
-- one, emptied by a later accepted purchase, because Iterable clears the cart when it takes one;
-- `unknown` where Iterable was found to show something else.
-- A cart that is held or suppressed later does not change what is shown, so its verdict is no part
-- of this.
create or replace temp table fold_carts as
with accepted as (
    select
        person_key,
        fingerprint,
        make_timestamp(settled_at_ms * 1000) as accepted_at,
        item_id
    from fold_items
    where object = 'carts' and state = 'accepted'
),

purchases as (
    select
        person_key,
        max(make_timestamp(settled_at_ms * 1000)) as accepted_at
    from fold_items
    where object = 'purchases' and state = 'accepted'
    group by person_key
),

drifted as (
    select
        person_key,
        fingerprint,
        make_timestamp(settled_at_ms * 1000) as accepted_at,
        0 as item_id
    from fold_fields
    where object = 'carts'
),

standing as (
    select
        person_key,
        fingerprint,
        accepted_at,
        0 as item_id
    from delivered.carts
    where
        exists (
            select 1 from accepted
            where carts.person_key = accepted.person_key
        )
        or exists (
            select 1 from purchases
            where carts.person_key = purchases.person_key
        )
        or exists (
            select 1 from drifted
            where carts.person_key = drifted.person_key
        )
),

candidates as (
    select * from accepted
    union all
    select * from drifted
    union all
    select * from standing
),

newest as (
    select *
    from candidates
    qualify row_number() over (
        partition by person_key order by accepted_at desc, item_id desc
    ) = 1
)

select
    newest.person_key,
    case
        when purchases.accepted_at > newest.accepted_at then 'empty' else newest.fingerprint
    end as fingerprint,
    greatest(newest.accepted_at, purchases.accepted_at) as accepted_at
from newest
left join purchases on newest.person_key = purchases.person_key;

delete from delivered.carts
using fold_carts
where carts.person_key = fold_carts.person_key;

insert into delivered.carts by name
select * from fold_carts;

drop table fold_carts;
