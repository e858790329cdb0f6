-- 1 where changes.new_held_history was built, else 0.
select count(*) as models
from information_schema.tables
where table_schema = 'changes' and table_name = 'new_held_history'
