select count(*)
from duckdb_tables()
where database_name = current_database() and schema_name = 'control' and table_name = 'rehearsed'
