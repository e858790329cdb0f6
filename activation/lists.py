"""Static lists that config/ names: found at Iterable by name, made there where its row says so."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

from cartwire.errors import ConfigError, DeliveryError
from clients.iterable import IterableClient

CREATE = "lists/create"
_MARTS = {"profiles": "marts/core/profiles.yml", "customer_metrics": "marts/metrics/customer_metrics.yml"}


def check_list_sources(config: Path, models: Path) -> None:
    """Refuse a list whose flag is no boolean column of a mart and no boolean attribute.

    Raises: ConfigError naming row and column, with the flags there are.
    """
    rows = _rows(config, "iterable_lists.csv")
    if not rows:
        return
    flags = [
        f"{mart}.{column['name']}"
        for mart, path in _MARTS.items()
        for column in yaml.safe_load((models / path).read_text(encoding="utf-8"))["models"][0]["columns"]
        if column["data_type"] == "boolean"
    ]
    flags += [f"attributes.{row['attribute']}" for row in _rows(config, "attribute_map.csv") if row["type"] == "boolean"]
    for number, row in enumerate(rows, start=2):
        if row["source"] not in flags:
            raise ConfigError(
                f'iterable_lists.csv, row {number}, column source: "{row["source"]}" is not allowed; allowed: {", ".join(flags)}.',
                file="iterable_lists.csv",
                row=number,
                column="source",
            )


def create_missing(client: IterableClient, config: Path, at_ms: Callable[[], int]) -> Sequence[Mapping[str, Any]]:
    """Make each list that config/ wants made and Iterable has none of by that name, of whatever type.

    A lost answer is no fault: the next load finds the list by its name, or this makes it then.
    Returns: every list, as GET lists shows them, with those just made; empty when there was nothing to make.
    Raises: DeliveryError where Iterable refuses to make one.
    """
    wanted = [
        row["list_name"] for row in _rows(config, "iterable_lists.csv") if row["is_enabled"] == row["creates_missing"] == "true"
    ]
    if not wanted:
        return ()
    known = client.lists()
    made = []
    for name in wanted:
        if name in {one.get("name") for one in known}:
            continue
        while (wait_s := client.reserve(CREATE)) > 0:
            client.pause(wait_s)
        answer = client.send(CREATE, orjson.dumps({"name": name}))
        number = (answer.document() or {}).get("listId")
        if answer.status == 200 and isinstance(number, int):
            made.append({"id": number, "name": name, "listType": "Standard", "createdAt": at_ms()})
        elif 400 <= answer.status < 500 and answer.status != 429:
            raise DeliveryError(
                f"Iterable refused to make a list of config/iterable_lists.csv (status {answer.status}): make it there by hand,"
                " or set creates_missing to false",
                status=answer.status,
            )
    return [*known, *made] if made else ()


def _rows(config: Path, name: str) -> list[dict[str, str]]:
    with (config / name).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
