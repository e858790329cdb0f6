"""What is known about one person's consent: the published marts, and beside them the ledger as it stands now. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from activation.ledger.reading import read_only
from cartwire.errors import CartwireError
from cartwire.person import fold_email

_SQL = Path(__file__).parent / "sql"
_PERSON = ("profile_id", "person_key", "customer_id", "email", "market_code")
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PersonConsent:
    """One profile.

    Attributes:
        states: what was decided, one row per channel and purpose, as the newest published sync had it; `gap_more_open` says which
            side is more open where Iterable differs.
        history: what was said, newest first.
        at_sending: what every request looks at before it leaves, one row per channel and purpose; newer than `states` where a
            webhook or an import closed something since.
        writes: what we did or are about to do to subscriptions at Iterable, newest first.
    """

    profile_id: str
    person_key: str
    customer_id: str | None
    email: str | None
    market_code: str
    states: tuple[Row, ...]
    history: tuple[Row, ...]
    at_sending: tuple[Row, ...]
    writes: tuple[Row, ...]


def consent_of(who: str, analyst_db: Path, ledger: Path) -> list[PersonConsent]:
    """Everybody with that customer id or address.

    Raises: CartwireError where no sync has published yet, or nobody is found; it does not repeat who was asked for.
    """
    if not analyst_db.exists():
        raise CartwireError("no sync has published consent yet: run `cartwire sync` first, or check CARTWIRE_ANALYST_DB")
    with duckdb.connect(str(analyst_db), read_only=True) as conn:
        try:
            rows = _rows(conn, "consent_of_person.sql", {"customer_id": who.strip(), "email": fold_email(who)})
        except duckdb.CatalogException as error:
            raise CartwireError("what was published is of an older version: run `cartwire sync` first") from error
        by_profile: dict[str, list[Row]] = {}
        for row in rows:
            by_profile.setdefault(row["profile_id"], []).append(row)
        said = {profile: _rows(conn, "consent_said_by_person.sql", {"profile_id": profile}) for profile in by_profile}
    if not by_profile:
        raise CartwireError(
            "nobody with this address or customer id is known to the newest published sync. A customer id is commercetools' own,"
            " an address the one of the account, or of the order or cart of a guest"
        )
    found = []
    with read_only(ledger) as reader:
        for profile, states in by_profile.items():
            person = {name: states[0][name] for name in _PERSON}
            found.append(
                PersonConsent(
                    **person,
                    states=tuple({name: value for name, value in row.items() if name not in _PERSON} for row in states),
                    history=tuple(said[profile]),
                    at_sending=tuple(reader.consent_at_sending(person["person_key"])),
                    writes=tuple(reader.subscription_items(person["person_key"])),
                )
            )
    return found


def _rows(conn: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, str]) -> list[Row]:
    cursor = conn.execute((_SQL / name).read_text(), parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
