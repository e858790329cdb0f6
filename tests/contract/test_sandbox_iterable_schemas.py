"""A sender may hand the stand-in its own JSON Schemas: events that break them are taken, and noted."""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.clock import Clock
from sandbox.faults import FaultPlan
from sandbox.iterable.app import create_app
from sandbox.iterable.options import Options
from sandbox.iterable.schemas import EventSchemas
from sandbox.journal import Journal
from sandbox.server import serve
from tests.contract.iterable_vendor import Vendor


def write(folder: Path, name: str, **properties: object) -> None:
    schema = {"type": "object", "required": ["id"], "properties": properties}
    (folder / name).write_text(json.dumps(schema))


def test_the_newest_version_judges_and_an_event_without_a_schema_is_not_judged(tmp_path: Path) -> None:
    write(tmp_path, "order_refunded.v1.json", id={"type": "integer"})
    write(tmp_path, "order_refunded.v10.json", id={"type": "string", "maxLength": 3})
    write(tmp_path, "order_refunded.v9.json", id={"type": "boolean"})
    (tmp_path / "README.md").write_text("no schema")
    known = EventSchemas(tmp_path)
    assert known.fault("order_refunded", {"id": "abc"}) is None
    assert known.fault("order_refunded", {"id": "secret"}) == "order_refunded: id (maxLength)"
    assert known.fault("order_refunded", {}) == "order_refunded: the row (required)"
    assert known.fault("something_else", {"id": 1}) is None
    assert EventSchemas().fault("order_refunded", {"id": "secret"}) is None


def test_an_event_that_breaks_its_senders_schema_is_taken_and_noted(tmp_path: Path) -> None:
    write(tmp_path, "order_refunded.v1.json", campaignId={"type": "integer", "minimum": 5})
    clock = Clock()
    app = create_app(Options(visibility_seconds=0, event_schemas=tmp_path), clock, FaultPlan(), Journal())
    with serve({"iterable": app}) as servers:
        vendor = Vendor(servers.urls["iterable"], app.state.project, clock)
        events = [
            {"email": "ann@example.com", "eventName": "order_refunded", "id": f"r-{number}", "createdAt": 1, "campaignId": number}
            for number in (4, 5)
        ]
        answer = vendor.post("events/trackBulk", {"events": events}).json()
        notes = app.state.project.state.notes.report("contract_violated")["notes"]
        vendor.client.close()
    assert answer["successCount"] == 2
    assert [note["detail"] for note in notes] == ["order_refunded: campaignId (minimum)"]
