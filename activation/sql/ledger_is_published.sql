select 1
from duckdb_tables()
where
    database_name = 'analyst'
    and schema_name = 'ledger'
    and table_name = 'published_until'
