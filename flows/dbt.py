"""dbt in this process, on the warehouse connection the run holds.

The parsed project is kept between invocations (a second build of the demo saves the parse, `bench/`), and dropped when a model,
macro or the description of config/ changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartwire.errors import GateClosed
from cartwire.settings import REPOSITORY, Settings
from cartwire.storage_faults import fault_told
from cartwire.warehouse import open_warehouse
from flows.build_state import read_state, remember
from flows.dbt_cutoff import passing_over
from flows.dbt_parse import kept_parse
from flows.dbt_spared import spared
from flows.upgrade import digest_of_sql, needs_full_refresh, remember_built

SLOWEST_MODELS = 10
_PARSED: dict[tuple[object, ...], Any] = {}
_MOVED = "cartwire_moved"
_NEXT_DUE = "model.cartwire.next_due"
_SHIPPED = REPOSITORY / "config"
_SOURCES = ("dbt_project.yml", "profiles.yml", "models", "macros", "tests/dbt")


@dataclass(frozen=True)
class BuildResult:
    """What is there after one dbt invocation.

    Attributes:
        built: names of models that are as a complete build would make them: built now, or still (`flows/build_state.py`).
        held: model name → why it must not be delivered (its own failure, a failed test on it or upstream).
        failed_tests: names of failed data tests.
        slowest_models: model → wall time, of the ten built now that took longest.
    """

    built: frozenset[str]
    held: dict[str, str] = field(default_factory=dict)
    failed_tests: tuple[str, ...] = ()
    slowest_models: dict[str, float] = field(default_factory=dict)


def build_withdrawals(settings: Settings) -> BuildResult:
    """Stage 1: the narrow lineage of the withdrawals, without any test.

    Raises: GateClosed when dbt cannot build it; nothing was sent.
    """
    result = _build(settings, _lineage(parsed_project(settings), "model.cartwire.changed_withdrawals"))
    if "changed_withdrawals" not in result.built:
        reason = result.held.get("changed_withdrawals", "not built")
        raise GateClosed(
            f"the withdrawals could not be built ({reason}); run `dbt build --select +changed_withdrawals` to see why"
        )
    return result


def build_everything(settings: Settings, *, full_refresh: bool = False) -> BuildResult:
    """Stage 2: every model with its data tests (unit tests prove the rules in CI, not on data).

    A failing node holds what is downstream of it and stops nothing else.
    """
    result = _build(settings, None, full_refresh=full_refresh)
    if result.built >= _incremental(settings):
        remember_built(settings)
    return result


def parsed_project(settings: Settings) -> Any:
    """dbt's manifest, parsed now unless the one kept is of these files and this environment. It serves any folder's warehouse.

    Raises: GateClosed when dbt cannot parse the project.
    """
    seeds = seed_folder(settings.config)
    os.environ["CARTWIRE_SEEDS"] = seeds
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    key = _project_key(settings)
    if key not in _PARSED:
        _PARSED.clear()
        _PARSED[key] = _parse(settings)
    os.environ["CARTWIRE_WAREHOUSE"] = str(settings.warehouse)
    _read_seeds_from(seeds, _PARSED[key])
    return _PARSED[key]


def _parse(settings: Settings) -> Any:
    """The manifest. dbt is told the warehouse's name, not where it lies: nothing is opened, and under another path it parses all anew.
    So it would with another config folder, where as a rule only the rows are others than in the shipped one.
    """
    from dbt.cli.main import dbtRunner

    places = {"CARTWIRE_WAREHOUSE": str(settings.warehouse), "CARTWIRE_SEEDS": os.environ["CARTWIRE_SEEDS"]}
    names = {**places, "CARTWIRE_WAREHOUSE": settings.warehouse.name}
    if _described(settings.config) == _described(_SHIPPED):
        names["CARTWIRE_SEEDS"] = seed_folder(_SHIPPED)
    os.environ.update(names)
    try:
        with spared(), kept_parse(_folder(settings) / "target", *names.values()):
            parsed = dbtRunner().invoke(["parse", *options(settings)])
    finally:
        os.environ.update(places)
    if not parsed.success:
        raise GateClosed(f"dbt cannot parse the project: {_first_line(parsed.exception)}") from parsed.exception
    return parsed.result


def _read_seeds_from(folder: str, manifest: Any) -> None:
    """Another config folder with the same description of its files is the same project; only where the rows lie differs."""
    seeds = {node.name: node for node in manifest.nodes.values() if node.resource_type == "seed"}
    if any(node.original_file_path != f"{folder}/{name}.csv" for name, node in seeds.items()):
        for name, node in seeds.items():
            node.original_file_path = f"{folder}/{name}.csv"
        manifest.build_flat_graph()


def _build(settings: Settings, wanted: frozenset[str] | None, *, full_refresh: bool = False) -> BuildResult:
    """Build what is wanted (unique ids; None: all models, seeds and data tests) and not still, and remember what is in order then."""
    manifest = parsed_project(settings)
    full_refresh = full_refresh or needs_full_refresh(settings)
    with closing(open_warehouse(settings.warehouse, memory_gib=settings.memory_gib, threads=settings.threads)) as connection:
        state = read_state(connection, manifest, digest_of_sql(settings), settings.config, is_anew=full_refresh)
        scope = wanted or frozenset(state.keys)
        still = state.still & scope
        moved = scope - still
        results: Sequence[Any] = []
        if moved:  # a build of nothing needs no dbt
            with passing_over(state, connection):
                results = _invoke(settings, manifest, moved, is_all=moved == state.keys.keys(), full_refresh=full_refresh)
        done = {result.node.unique_id for result in results if str(result.status) in ("success", "pass", "warn")}
        remember(connection, state, moved, done, has_next_due=_NEXT_DUE in done | still if _NEXT_DUE in scope else None)
    names = {manifest.nodes[node].name for node in still if node.startswith("model.")}
    return _summarise(results, names)


def _invoke(settings: Settings, manifest: Any, nodes: frozenset[str], *, is_all: bool, full_refresh: bool) -> Sequence[Any]:
    """dbt's results, one per node. A build of all needs no selection.

    Raises: GateClosed, WarehouseError.
    """
    from dbt.cli.main import dbtRunner

    selected = [] if is_all else ["--indirect-selection", "empty", "--select", f"tag:{_MOVED}"]
    arguments = ["build", "--exclude-resource-type", "unit_test", *selected, *(["--full-refresh"] if full_refresh else [])]
    with _tagged(manifest, nodes), spared():
        outcome = dbtRunner(manifest=manifest).invoke([*arguments, *options(settings)])
    if outcome.result is None:
        raise GateClosed(f"dbt stopped before building: {_first_line(outcome.exception)}") from outcome.exception
    results: Sequence[Any] = outcome.result.results
    demand_storage(results)
    return results


def demand_storage(results: Sequence[Any]) -> None:
    """Raises: WarehouseError where a node failed because of the storage: no other would end better, and it is no fault of the model's."""
    for result in results:
        if str(result.status) == "error" and (fault := fault_told(str(result.message))):
            raise fault


@contextlib.contextmanager
def _tagged(manifest: Any, nodes: Iterable[str]) -> Iterator[None]:
    """For the block these nodes carry a tag: of 150 names given one by one, dbt compares each with every node, three times."""
    tagged = [manifest.nodes[node].tags for node in nodes]
    for tags in tagged:
        tags.append(_MOVED)
    try:
        yield
    finally:
        for tags in tagged:
            tags.remove(_MOVED)


def _lineage(manifest: Any, node: str) -> frozenset[str]:
    """A node and everything it is built from, but the sources."""
    found, open_nodes = set(), [node]
    while open_nodes:
        name = open_nodes.pop()
        if name in manifest.nodes and name not in found:
            found.add(name)
            open_nodes += getattr(manifest.nodes[name].depends_on, "nodes", [])
    return frozenset(found)


def options(settings: Settings) -> list[str]:
    """This installation's own target and log folders, and no talk."""
    folder = _folder(settings)
    return [
        "--project-dir",
        str(REPOSITORY),
        "--profiles-dir",
        str(REPOSITORY),
        "--target-path",
        str(folder / "target"),
        "--log-path",
        str(folder / "logs"),
        "--quiet",
        "--no-print",
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        "--no-write-json",
    ]


def _folder(settings: Settings) -> Path:
    return settings.state_dir / "dbt"


def _incremental(settings: Settings) -> frozenset[str]:
    """Names of the models that keep rows of earlier builds."""
    nodes = parsed_project(settings).nodes.values()
    return frozenset(node.name for node in nodes if node.resource_type == "model" and node.config.materialized == "incremental")


def seed_folder(config: Path) -> str:
    """`config` as a path below the project.

    dbt keeps a copy of what it ran under target/ at the seed's own path; for an absolute seed path that is the CSV itself,
    which `dbt seed` would overwrite. A folder elsewhere is therefore reached by a link.
    """
    if config.is_relative_to(REPOSITORY):
        return str(config.relative_to(REPOSITORY))
    link = REPOSITORY / "var" / "seeds" / hashlib.sha256(str(config).encode()).hexdigest()[:16]
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(config)
    return str(link.relative_to(REPOSITORY))


def _summarise(results: Sequence[Any], still: set[str]) -> BuildResult:
    """Map dbt's node results, and the names of models that needed no build, to models that may, and must not, be delivered."""
    built = still | {
        result.node.name for result in results if result.node.resource_type == "model" and result.status == "success"
    }
    broken = [result.node.name for result in results if str(result.status) in ("error", "fail")]
    held: dict[str, str] = {}
    failed_tests = []
    for result in results:
        kind, name, status = result.node.resource_type, result.node.name, str(result.status)
        if kind == "test" and status in ("fail", "error"):
            failed_tests.append(name)
            for parent in result.node.depends_on.nodes:
                held.setdefault(parent.rsplit(".", 1)[-1], f"test {name} failed")
        elif kind in ("model", "seed") and status == "error":
            held.setdefault(name, f"{kind} {name} could not be built")
        elif kind in ("model", "seed") and status == "skipped":
            held.setdefault(name, f"not built, because these failed upstream: {', '.join(broken[:3])}")
    models = [result for result in results if result.node.resource_type == "model"]
    slowest = sorted(models, key=lambda result: -result.execution_time)[:SLOWEST_MODELS]
    seconds = {result.node.name: round(result.execution_time, 3) for result in slowest}
    return BuildResult(frozenset(built), held, tuple(sorted(failed_tests)), seconds)


def _project_key(settings: Settings) -> tuple[object, ...]:
    """What dbt's parse depends on; of config/ that is the description of the files, not their rows."""
    paths = [path for source in _SOURCES for path in _files(REPOSITORY / source)]
    newest = max(path.stat().st_mtime_ns for path in paths)
    # of a DuckDB file, dbt keeps the name only
    return (settings.warehouse.stem, len(paths), newest, *_described(settings.config))


def _described(config: Path) -> tuple[object, ...]:
    """The files of a config folder and what is said of them, without their rows."""
    return (*sorted(path.name for path in config.glob("*.csv")), *(path.read_bytes() for path in sorted(config.glob("*.yml"))))


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [child for child in path.rglob("*") if child.is_file()]


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0] if error and str(error).strip() else "no reason given; see var/dbt/logs"
