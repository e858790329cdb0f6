-- Which of the given ids are facts held as history: by their id at Iterable, purchases also by their
-- order's id or number. Parameter: ids.
with given as (
    select distinct unnest($1::varchar[]) as id
),

names as (
    select
        subject as id,
        subject
    from delivered.held_history
    union
    select
        order_id as id,
        purchase_id as subject
    from activation.iterable_purchases
    union
    select
        order_number as id,
        purchase_id as subject
    from activation.iterable_purchases
    where order_number is not null
)

select
    given.id,
    max(history.subject) as subject
from given
left join names on given.id = names.id
left join delivered.held_history as history on names.subject = history.subject
group by given.id
order by given.id
