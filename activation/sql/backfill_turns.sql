-- A request has one fact per person: how many people have a first, second, ... fact of a kind to send.
with turns as (
    select
        object,
        kind,
        row_number() over (partition by object, kind, person_key order by occurred_at, subject) as turn
    from changes.history_to_release
    where is_ahead and not waits_for_cart
)

select
    object,
    kind,
    list(people order by turn) as people
from (
    select
        object,
        kind,
        turn,
        count(*) as people
    from turns
    group by object, kind, turn
) as people_per_turn
group by object, kind
order by object, kind
