-- Rows that Iterable has accepted, by object.
select
    object,
    count(*) as accepted
from delivered.outcomes
where state = 'accepted'
group by object
