"""`cartwire backfill`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartwire import clock, stopping
from cartwire.cli.moments import Moment
from cartwire.cli.output import as_json, emit_json, progress, table
from cartwire.cli.pause import account
from cartwire.errors import ConfigError
from cartwire.settings import Settings, load_settings

if TYPE_CHECKING:
    from activation.ledger.backfills import Backfill, Criteria
    from flows.backfill import Outlook, Progressed

HELD = 11
SKIPPED = 12
ANY_TIME = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
chunk_option = click.option(
    "--chunk",
    "rows_max",
    type=click.IntRange(1),
    metavar="FACTS",
    help="Facts a run lets go at most. Default: as many as leave in a minute.",
)


@click.group("backfill", invoke_without_command=True)
@click.option("--objects", metavar="NAMES", help="purchases, events, or kinds of events, separated by commas.")
@click.option("--since", type=Moment(), metavar="TIME", help="What happened then or later (ISO 8601, UTC).")
@click.option("--until", type=Moment(), metavar="TIME", help="What happened before then. With --ids both may be left out.")
@click.option("--market", "market_code", help="Only this market, by its code in config/markets.csv.")
@click.option(
    "--ids",
    "ids_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Only these: a file with one id a line, as Iterable knows it, or an order's id or number.",
)
@click.option(
    "--include-live-carts",
    is_flag=True,
    help="Also purchases of people with a live cart. Iterable empties that cart, and it is sent again: cart journeys can fire.",
)
@click.option("--yes", is_flag=True, help="Let it go now, chunk after chunk.")
@chunk_option
@as_json
@click.pass_context
def command(
    context: click.Context,
    objects: str | None,
    since: datetime | None,
    until: datetime | None,
    market_code: str | None,
    ids_file: Path | None,
    include_live_carts: bool,
    yes: bool,
    rows_max: int | None,
    as_json: bool,
) -> int:
    """Let history go that a sync has set aside: shows it first; with --yes it is sent, oldest first and marked `isBackfill`.

    Each chunk is a complete sync. Ctrl-C, a crash or `cartwire backfill pause` lose nothing: the same command, or
    `cartwire backfill resume`, goes on. Consent, pauses and the gate apply as always. Put `isBackfill` equals `false` into the filter
    of each journey first.
    """
    if context.invoked_subcommand is not None:
        return 0
    if not objects:
        raise click.UsageError("say which history: --objects purchases, --objects events, or kinds such as order_refunded")
    if ids_file is None and (since is None or until is None):
        raise click.UsageError("say from when to when: --since 2024-11-01 --until 2026-11-01")
    settings = load_settings()
    from flows.backfill import check_market, chosen_kinds, look, new_criteria

    if market_code:
        check_market(settings, market_code)
    wanted = new_criteria(
        chosen_kinds(settings, [name.strip() for name in objects.split(",") if name.strip()]),
        since=since or ANY_TIME[0],
        until=until or ANY_TIME[1],
        market_code=market_code,
        includes_live_carts=include_live_carts,
    )
    criteria, outlook = look(settings, wanted, ids=None if ids_file is None else _ids(ids_file))
    if not outlook.facts and not (yes and outlook.waiting):
        emit_json(outlook.as_dict()) if as_json else click.echo(_sentence_of_nothing(outlook))
        return HELD if outlook.waiting else 0
    if not yes:
        emit_json(outlook.as_dict()) if as_json else click.echo(_text(outlook))
        return HELD
    return _run(settings, _start(settings, criteria), rows_max, as_json)


@command.command("list")
@as_json
def list_backfills(as_json: bool) -> None:
    """Backfills and how far each has come, newest first."""
    from activation.ledger.reading import read_only

    path = load_settings().ledger
    found: Sequence[Backfill] = ()
    if path.exists():
        with read_only(path) as ledger:
            found = ledger.backfills()
    rows = [_row(one) for one in found]
    if as_json:
        emit_json({"backfills": rows})
        return
    columns = ("id", "state", "kinds", "since", "until", "market", "ids", "reached", "left_behind", "started_by")
    click.echo(table([{**row, "kinds": ", ".join(row["kinds"])} for row in rows], columns) if rows else "no backfill was started")


@command.command("pause")
@click.argument("number", metavar="ID", type=int)
@as_json
def pause_backfill(number: int, as_json: bool) -> None:
    """End a backfill after the chunk it is at; `cartwire backfill resume` goes on. To stop at once: `cartwire pause purchases`."""
    from activation.ledger.backfills import BackfillState

    backfill = _steer(load_settings(), number, BackfillState.paused)
    emit_json(_row(backfill)) if as_json else click.echo(f"backfill {number} is {backfill.state}")


@command.command("resume")
@click.argument("number", metavar="ID", type=int)
@chunk_option
@as_json
def resume_backfill(number: int, rows_max: int | None, as_json: bool) -> int:
    """Go on with a backfill that was paused, killed or held back; one that waits for carts begins another pass."""
    from activation.ledger.backfills import BackfillState

    settings = load_settings()
    return _run(settings, _steer(settings, number, BackfillState.open), rows_max, as_json)


def _ids(file: Path) -> list[str]:
    try:
        ids = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--ids {file} cannot be read ({type(error).__name__}): give a text file with one id a line") from None
    if not ids:
        raise ConfigError(f"--ids {file} has no id")
    return ids


def _start(settings: Settings, criteria: Criteria) -> Backfill:
    from activation.ledger.store import Ledger

    with Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        return ledger.start_backfill(criteria, by=account())


def _steer(settings: Settings, number: int, state: Any) -> Backfill:
    from activation.ledger.store import Ledger
    from flows.backfill import known_backfill

    known_backfill(settings, number)
    with Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        return ledger.steer_backfill(number, state, by=account())


def _run(settings: Settings, backfill: Backfill, rows_max: int | None, as_json: bool) -> int:
    from flows.backfill import run_backfill

    number = backfill.backfill_id

    def tell(found: Progressed) -> None:
        if not as_json:
            left = found.left
            click.echo(
                f"backfill {number}: {_counted(found.states)} · {left.facts:,} left, about {left.minutes:g} min of requests",
                err=True,
            )

    if not as_json:
        click.echo(f"backfill {number}: Ctrl-C stops it, `cartwire backfill resume {number}` goes on", err=True)
    try:
        with stopping.on_signals(), progress(as_json) as callback:
            found = run_backfill(settings, number, rows_max=rows_max, progress=callback, tell=tell)
    except stopping.RunStopped:
        raise stopping.RunStopped(f"stopped, nothing is lost; go on with `cartwire backfill resume {number}`") from None
    if as_json:
        emit_json(
            {
                **_row(found.backfill),
                "chunks": found.chunks,
                "facts": found.states,
                "left": found.left.as_dict(),
                "blocked": found.blocked,
            }
        )
    else:
        click.echo(_ended(found))
    return _exit_code(found)


def _exit_code(found: Progressed) -> int:
    if found.blocked or found.backfill.state == "waiting":
        return HELD
    if found.backfill.state == "paused":
        return SKIPPED
    return 10 if found.states.get("rejected") else 0


def _ended(found: Progressed) -> str:
    number, left = found.backfill.backfill_id, found.left
    lines = [f"backfill {number} is {found.backfill.state}: {_counted(found.states)} in {found.chunks} runs"]
    if found.states.get("rejected"):
        lines.append("`cartwire rejections` shows the reasons of what was refused")
    if found.blocked:
        lines += [f"! {reason}" for reason in found.blocked]
        lines.append(f"{left.facts:,} facts are left; when that is mended: cartwire backfill resume {number}")
    elif found.backfill.state == "waiting":
        lines.append(
            f"{found.backfill.left_behind:,} stayed behind, most likely because their people have a live cart;"
            f" when the carts are ordered or gone: cartwire backfill resume {number}"
        )
    elif found.backfill.state == "paused":
        lines.append(f"{left.facts:,} facts are left, about {left.minutes:g} min of requests: cartwire backfill resume {number}")
    return "\n".join(lines)


def _counted(states: dict[str, int]) -> str:
    return ", ".join(f"{found:,} {state}" for state, found in sorted(states.items())) or "nothing sent"


def _text(outlook: Outlook) -> str:
    columns = ("object", "kind", "market", "facts", "people", "waiting", "first_at", "last_at")
    lines = [
        table(outlook.kinds, columns),
        f"{outlook.facts:,} facts, {outlook.requests:,} requests, about {outlook.minutes:g} min under the limits;"
        " what consent forbids or the gate refuses stays here",
        f"may fire journeys on: {', '.join(outlook.may_trigger)}; not those that filter on isBackfill equals false",
    ]
    if outlook.waiting:
        lines.append(
            f"{outlook.waiting:,} purchases wait: their people have a live cart, which Iterable would empty"
            " (--include-live-carts sends them all the same)"
        )
    if outlook.emptied_carts:
        lines.append(
            f"! {outlook.emptied_carts:,} people have a live cart: Iterable empties it, and it is sent again."
            " Journeys on updateCart fire for them, and no filter on isBackfill keeps them from it"
        )
    return "\n".join([*lines, "to send: the same command with --yes"])


def _sentence_of_nothing(outlook: Outlook) -> str:
    if outlook.waiting:
        return f"{outlook.waiting:,} purchases wait for a live cart, nothing else is history of these kinds and times"
    return "nothing of these kinds and times is held as history"


def _row(backfill: Backfill) -> dict[str, Any]:
    criteria = backfill.criteria
    return {
        "id": backfill.backfill_id,
        "state": str(backfill.state),
        "kinds": [kind for _, kind in criteria.kinds],
        "since": _moment(criteria.since_ms),
        "until": _moment(criteria.until_ms),
        "market": criteria.market_code,
        "ids": None if criteria.ids is None else len(criteria.ids),
        "include_live_carts": criteria.includes_live_carts,
        "reached": None if backfill.after is None else _moment(backfill.after[0] // 1000),
        "left_behind": backfill.left_behind,
        "started_by": backfill.started_by,
        "started_at": _moment(backfill.started_at_ms),
    }


def _moment(milliseconds: int) -> str:
    return f"{clock.from_ms(milliseconds):%Y-%m-%d %H:%M:%SZ}"
