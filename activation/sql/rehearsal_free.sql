update delivered.outcomes
set is_sticky = false
from control.rehearsed as rehearsed
where outcomes.object = rehearsed.object and outcomes.subject = rehearsed.subject
