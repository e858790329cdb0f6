-- Guards by object: the strictest of the object's kinds.
select
    object,
    min(guard_share) as guard_share,
    min(guard_min_rows) as guard_min_rows
from config.objects
where guard_share is not null and guard_min_rows is not null
group by object
