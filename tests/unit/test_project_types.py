"""Which end-to-end tests run at every type of Iterable project: all that send there, or it is said here why one does not."""

from __future__ import annotations

import re

from cartwire.settings import REPOSITORY

AT_EVERY_TYPE = {
    "test_doctor.py": "finds out the type: its own parameters",
    "test_merges.py": "merges the users of a userID-based project, the only type where a guest who registers is two",
}
SAME_AT_EVERY_TYPE = {
    "test_analysts.py": "locks and files",
    "test_bad_connections.py": "ends before anything is sent",
    "test_build_state.py": "an empty shop",
    "test_ingestion_client.py": "reads commercetools",
    "test_ingestion_commercetools.py": "reads commercetools",
    "test_ingestion_iterable.py": "loads what was read as it is",
    "test_ingestion_warehouse.py": "tables of the load",
    "test_restored_ledger.py": "what is looked for goes by the same reads; the deliveries' own test has every object",
    "test_schedule.py": "processes and the Prefect server",
    "test_upgrade.py": "what the models opened",
    "test_worker.py": "processes and signals",
}


def test_every_end_to_end_story_runs_at_each_type_of_project_or_says_why_not() -> None:
    texts = {path.name: path.read_text() for path in (REPOSITORY / "tests" / "e2e").glob("test_*.py")}
    speaking = {name for name, text in texts.items() if re.search(r"\bsandbox(_process)?: Sandbox\b", text)}
    marked = {name for name, text in texts.items() if "pytest.mark.identities" in text}
    assert speaking - marked == AT_EVERY_TYPE.keys() | SAME_AT_EVERY_TYPE.keys()
    assert len(marked) > 8
