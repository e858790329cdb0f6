"""An analyst's query loop in a process of its own: opens the analysts' database again and again and looks at it in one transaction.

`python -m tests.e2e.analyst DATABASE STOP_FILE` prints one line of JSON per look, until STOP_FILE exists; an error is a line too.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

PAUSE_S = 0.1  # leaves the machine to the sync; the claim is about every look, not about how many
LOOK = """
select
    (select string_agg(run_id) from marts.published) as run_id,
    (select count(*) from marts.profiles) as profiles,
    (select count(*) from marts.consent_state) as consent_rows,
    (select count(distinct channel) from marts.consent_state) as channels,
    (select count(*) from marts.orders) as orders,
    (select count(*) from marts.orders where is_counted) as counted_orders,
    (select sum(order_count) from marts.customer_metrics) as metric_orders,
    (select cast(sum(order_total) as varchar) from marts.orders) as order_total,
    (select cast(sum(line_total) as varchar) from marts.order_lines) as line_total,
    (select count(*) from marts.order_lines anti join marts.orders using (order_id)) as orphaned_lines
"""


def main(database: str, stop_file: str) -> None:
    while not Path(stop_file).exists():
        time.sleep(PAUSE_S)
        if not Path(database).exists():
            continue
        try:
            with duckdb.connect(database, read_only=True) as conn:
                cursor = conn.execute("begin").execute(LOOK)
                names = [column[0] for column in cursor.description or ()]
                first = cursor.fetchall()[0]
                again = conn.execute(LOOK).fetchall()[0]
            print(json.dumps({**dict(zip(names, first, strict=True)), "is_same_again": first == again}), flush=True)
        except duckdb.Error as error:
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
