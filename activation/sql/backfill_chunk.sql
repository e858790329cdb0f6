-- What this run let go: subjects oldest first, and the place of the last.
select
    coalesce(list(subject order by occurred_at, subject), []) as subjects,
    epoch_us(max(occurred_at)) as last_us,
    max_by(subject, (occurred_at, subject)) as last_subject
from changes.released_history
