update delivered.outcomes
set is_sticky = true
from control.rehearsed as rehearsed
where outcomes.object = rehearsed.object and outcomes.subject = rehearsed.subject;

drop table control.rehearsed;
