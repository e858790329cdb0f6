"""dbt leaves out, while it runs, what would only be made again as it is: a table that was built anew may have the rows it had.

Which nodes dbt is given is decided before anything runs, and so is more than has to be built. Here each is asked about once more when
its turn comes, after everything it is built on. The name is dbt's own, of the release in the lock file, as in `dbt_spared.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import duckdb

from flows.build_state import BuildState
from flows.dbt_spared import replaced

PASSED_OVER = "as it was built before"


@contextlib.contextmanager
def passing_over(state: BuildState, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For the block dbt tells of a node that is as it would be built that it is built, or passed.

    connection: to the warehouse that dbt builds; each of dbt's threads looks through a cursor of its own.
    """
    from dbt.artifacts.schemas.results import RunStatus, TestStatus
    from dbt.artifacts.schemas.run import RunResult
    from dbt.task.base import BaseRunner

    run_with_hooks = BaseRunner.run_with_hooks

    def run_if_moved(runner: Any, manifest: Any) -> Any:
        node = runner.node
        if not runner.skip and state.pass_over(node.unique_id):
            status = TestStatus.Pass if node.resource_type == "test" else RunStatus.Success
            return RunResult.from_node(node, status, PASSED_OVER)
        result = run_with_hooks(runner, manifest)
        if result.status == RunStatus.Success:
            with contextlib.closing(connection.cursor()) as cursor:
                state.note_built(cursor, node.unique_id)
        return result

    with replaced(BaseRunner, "run_with_hooks", run_if_moved):
        yield
