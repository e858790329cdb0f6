-- 1 where changes.history_to_release was built, else 0.
select count(*) as models
from information_schema.tables
where table_schema = 'changes' and table_name = 'history_to_release'
