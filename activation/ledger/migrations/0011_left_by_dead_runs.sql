-- What dead runs may have done to subscriptions has no settlement, and every fold asks for it: found among all rows ever planned until now.
create index left_by_dead_runs on items (run_id) where state = 'superseded' and object in ('withdrawals', 'grants');
