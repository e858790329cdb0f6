"""Runs, what the ledger is bound to, authorities and releases."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from activation.ledger.database import LedgerFile, transaction
from cartwire.clock import from_ms, now_ms, to_ms
from cartwire.errors import ConfigError, LedgerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line of the run list; times are epoch milliseconds, UTC."""

    run_id: str
    trigger: str
    state: str
    started_at_ms: int
    ended_at_ms: int | None
    exit_code: int | None


def secret_fingerprint(secret: bytes) -> str:
    """Tells two secrets apart without giving either away."""
    return hmac.new(secret, b"cartwire ledger", hashlib.sha256).hexdigest()


class Runs(LedgerFile):
    """Who ran when, against which projects."""

    def claim_secret(self, secret: bytes) -> None:
        """Remember the secret's fingerprint, or compare with it. Raises: LedgerError for another secret."""
        self._once("secret_fingerprint", secret_fingerprint(secret))
        self.check_secret(secret)

    def check_secret(self, secret: bytes) -> None:
        """Compare without remembering. Raises: LedgerError for another secret."""
        if self._meta("secret_fingerprint") not in (None, secret_fingerprint(secret)):
            raise LedgerError(
                "this ledger belongs to another CARTWIRE_SECRET: every person in it would become a stranger and be sent"
                " again; restore the secret it was made with"
            )

    def claim_mode(self, mode: str) -> None:
        """Remember whether this is the ledger of the real thing ('live') or of a rehearsal ('shadow'), or compare.

        A ledger that has seen runs and remembers nothing is live.
        Raises: LedgerError: rows that a shadow calls accepted were never sent, so the two must not meet in one file.
        """
        has_runs = self._db.execute("select exists (select 1 from runs)").fetchone()[0]
        standing = self._meta("mode") or ("live" if has_runs else mode)
        if standing != mode:
            raise LedgerError(
                f"this ledger is {'a shadow: nothing in it was ever sent' if standing == 'shadow' else 'the real one'};"
                " set CARTWIRE_LEDGER to another file, or look at CARTWIRE_SHADOW",
                mode=standing,
            )
        self._once("mode", mode)

    def bind(self, commercetools_fingerprint: str, iterable_fingerprint: str, identity: str, now: datetime | None = None) -> None:
        """Bind the ledger to both projects and to how the Iterable project identifies people, at the first call; later calls compare.

        The instant of the first call is the go-live. Fingerprints are opaque texts, e.g. a hash over region and project;
        `identity` is hybrid, email or user_id.
        Raises: ConfigError naming what differs, before anything was sent.
        """
        self.check_binding(commercetools_fingerprint, iterable_fingerprint, identity)
        with transaction(self._db):
            self._once("bound_identity", identity)
            self._once("bound_commercetools", commercetools_fingerprint)
            self._once("bound_iterable", iterable_fingerprint)
            self._once("bound_at_ms", str(to_ms(now) if now else now_ms()))

    def check_binding(self, commercetools_fingerprint: str, iterable_fingerprint: str, identity: str) -> None:
        """Compare without binding: an unbound ledger passes. Raises: ConfigError naming what differs."""
        wanted = {"commercetools": commercetools_fingerprint, "iterable": iterable_fingerprint}
        for side, fingerprint in wanted.items():
            if self._meta(f"bound_{side}") not in (None, fingerprint):
                raise ConfigError(
                    f"this ledger is bound to another {side} project or region: use the keys it was made with,"
                    " or set CARTWIRE_LEDGER and CARTWIRE_WAREHOUSE to new files for the other project",
                    side=side,
                )

        if (bound := self._meta("bound_identity")) not in (None, identity):
            raise ConfigError(
                f"this ledger was made for ITERABLE_IDENTITY={bound}, the setting says {identity}: everybody in it would become a"
                f" stranger at Iterable and be sent again; set it back to {bound}, or start with new files for CARTWIRE_LEDGER"
                " and CARTWIRE_WAREHOUSE",
                bound=bound,
                identity=identity,
            )

    def go_live_at(self) -> datetime | None:
        """The instant of the first binding, aware UTC; None before it."""
        value = self._meta("bound_at_ms")
        return from_ms(int(value)) if value else None

    def kinds_on_since(self, enabled: Collection[str], now: datetime, *, remember: bool = True) -> dict[str, datetime]:
        """Since when each of these kinds of facts is switched on, aware UTC: what happened before is history of its kind.

        Kinds that were on when the ledger was bound, or that it has sent before, are on since ever. A kind that was switched off
        meanwhile begins anew. `remember=False` only looks.
        """
        known = dict(self._db.execute("select substr(key, 9), value from meta where key like 'kind_on:%'").fetchall())
        planned = {row[0] for row in self._db.execute("select distinct kind from items").fetchall()}
        go_live_at = self.go_live_at()
        first = not known and (go_live_at is None or to_ms(go_live_at) == to_ms(now))
        since = {
            kind: from_ms(int(known[kind])) if kind in known else from_ms(0) if first or (not known and kind in planned) else now
            for kind in enabled
        }
        if remember:
            with transaction(self._db):
                self._db.execute("delete from meta where key like 'kind_on:%'")
                rows = [(f"kind_on:{kind}", str(to_ms(moment))) for kind, moment in since.items()]
                self._db.executemany("insert into meta values (?, ?)", rows)
        return since

    def look_first(self, now: datetime) -> None:
        """From now on runs look at Iterable before they send: the ledger may not know all that was sent."""
        self._once("look_first_since", str(to_ms(now)))

    def looks_first(self) -> bool:
        """Whether runs have to look before they send."""
        return self._meta("look_first_since") is not None

    def has_looked(self) -> None:
        """A run has looked for everything it planned, and held nothing back: the ledger knows again what Iterable has."""
        self._db.execute("delete from meta where key = 'look_first_since'")

    def authority(self, kind: str) -> str | None:
        """'messages' or 'history': who decides when a transition of this kind happened. None before it was set."""
        return self._meta(f"authority:{kind}")

    def set_authority(self, kind: str, authority: str) -> None:
        """Record the authority of a kind, once for ever: another one would give every past transition a new id."""
        if (standing := self._once(f"authority:{kind}", authority)) != authority:
            raise LedgerError(f"the authority of {kind} is {standing} since go-live and cannot change to {authority}", kind=kind)

    def change_authority(self, authority: str, kinds: Collection[str], now: datetime) -> None:
        """A person confirmed another authority: the past of these kinds, which it tells by other ids, becomes history."""
        with transaction(self._db):
            for kind in kinds:
                for key, value in ((f"authority:{kind}", authority), (f"kind_on:{kind}", str(to_ms(now)))):
                    self._db.execute(
                        "insert into meta values (?, ?) on conflict (key) do update set value = excluded.value", (key, value)
                    )

    def start_run(self, run_id: str, trigger: str, at_ms: int | None = None) -> None:
        """Open a run. Raises: LedgerError while another is open (call `recover` first, under the lease)."""
        open_run = self._db.execute("select run_id from runs where state = 'running'").fetchone()
        if open_run:
            raise LedgerError(f"run {open_run[0]} is still open: recover it first", run_id=open_run[0])
        with transaction(self._db):
            self._db.execute(
                "insert into runs (run_id, trigger, state, started_at_ms) values (?, ?, 'running', ?)",
                (run_id, trigger, at_ms or now_ms()),
            )

    def end_run(
        self, run_id: str, state: str, exit_code: int, report: Mapping[str, object] | None = None, at_ms: int | None = None
    ) -> None:
        """Close a run as 'done' or 'failed', with its report (counts only, no personal data)."""
        with transaction(self._db):
            changed = self._db.execute(
                "update runs set state = ?, exit_code = ?, report = ?, ended_at_ms = ? where run_id = ? and state = 'running'",
                (state, exit_code, json.dumps(report, default=str) if report is not None else None, at_ms or now_ms(), run_id),
            ).rowcount
            if changed != 1:
                raise LedgerError(f"run {run_id} is not open", run_id=run_id)

    def approve_release(self, object_name: str, rows: int, at_ms: int | None = None) -> None:
        """Let the next run send `rows` rows of an object that a volume guard held."""
        with transaction(self._db):
            self._db.execute(
                "insert into releases (object, rows, approved_at_ms) values (?, ?, ?)", (object_name, rows, at_ms or now_ms())
            )

    def release_approved(self, object_name: str) -> int | None:
        """Rows of the newest approval not yet used, or None."""
        row = self._db.execute(
            "select rows from releases where object = ? and used_by_run_id is null order by release_id desc limit 1",
            (object_name,),
        ).fetchone()
        return int(row[0]) if row else None

    def use_release(self, object_name: str, run_id: str) -> None:
        """Mark every open approval of the object as used by this run, so that it lets nothing else through."""
        with transaction(self._db):
            self._db.execute(
                "update releases set used_by_run_id = ? where object = ? and used_by_run_id is null", (run_id, object_name)
            )

    def _meta(self, key: str) -> str | None:
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def _once(self, key: str, value: str) -> str:
        """Write the value unless there is one; returns the standing one."""
        self._db.execute("insert into meta values (?, ?) on conflict (key) do nothing", (key, value))
        return self._meta(key) or value
