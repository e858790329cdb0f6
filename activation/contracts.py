"""The outbound contract: what the YAML beside an activation model says under ``meta.cartwire``, as typed values.

Row-level rules live only there. The gate, the renderer and the comparison of field types all read this module, so a
rule is written once. Reading the files (not dbt's manifest) keeps this independent of whether dbt ran.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from cartwire.errors import ConfigError


class FieldType(StrEnum):
    """The portable types of a contract; ``items`` is a list of CommerceItem and only purchases and carts have one."""

    STRING = "string"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    STRING_LIST = "string[]"
    ITEMS = "items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of an outbound row.

    Attributes:
        name: the column in the model and in ``changes.changed_<object>``.
        description: for people, doc blocks filled in.
        field: the Iterable field it becomes, or None where the column is not sent as a data field.
        type: portable type; decides both the check and the JSON form.
        required: null is refused.
        max_length: longest text, in characters; None = no limit of our own.
        pattern: regular expression the whole text matches; None = any text.
        enum: allowed values; empty = any value.
        minimum, maximum: inclusive bounds of a number; None = unbounded.
        unit: unit of a number, for people; may be empty.
        personal: True where the value identifies or describes a person; such values never reach a log or a document.
        may_trigger: True where a journey may legitimately start on this field.
        is_compared: False where another value is no other content, such as a version that rises by itself.
        reason: what a refused row is told, where the rule behind the bounds says more than they do.
        owner: who answers for the field.
    """

    name: str
    description: str = ""
    field: str | None = None
    type: FieldType = FieldType.STRING
    required: bool = False
    max_length: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unit: str = ""
    personal: bool = False
    may_trigger: bool = False
    is_compared: bool = True
    reason: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one kind of outbound row promises: its model, its place at Iterable, and its columns in file order.

    Attributes:
        version: of the schema, as published; a change that breaks a reader needs the next one.
        is_transition: it tells of a plain field's change, which has no id of its own; one authority per installation dates it.
        for_deleted: about people who are gone from the shop, and told as long as Iterable has them.
    """

    model: str
    object: str
    kind: str
    description: str = ""
    endpoint: str = ""
    since: int = 1
    id_rule: str = ""
    version: int = 1
    is_transition: bool = False
    for_deleted: bool = False
    columns: tuple[Column, ...] = ()

    @property
    def fields(self) -> tuple[Column, ...]:
        """The columns that become an Iterable data field."""
        return tuple(column for column in self.columns if column.field is not None)


_MODEL_KEYS = frozenset({"object", "kind", "endpoint", "since", "version", "id_rule", "is_transition", "for_deleted"})
_COLUMN_KEYS = frozenset(Column.__slots__) - {"name", "description"}
_Stamped = tuple[tuple[Path, int], ...]
_DOC_BLOCK = re.compile(r"\{% docs (\w+) %\}(.*?)\{% enddocs %\}", re.DOTALL)
_DOC_CALL = re.compile(r"\{\{ *doc\(['\"](\w+)['\"]\) *\}\}")
_BOOLEANS = ("required", "personal", "may_trigger", "is_compared")
_TEXTS = ("field", "pattern", "unit", "reason", "owner")


def load_contracts(models_dir: Path) -> Mapping[tuple[str, str], Contract]:
    """Read every outbound contract beneath a dbt project's activation models.

    Args:
        models_dir: the folder whose ``*.yml`` files describe the activation models, read recursively.
    Returns: contracts by (object, kind), in file name order. Models without ``meta.cartwire.object`` are no contract.
    Raises: ConfigError naming file, model and column when a contract cannot be understood.
    """
    files = sorted(path for suffix in ("*.yml", "*.yaml") for path in models_dir.rglob(suffix))
    if not files:
        raise ConfigError(f"no contract files (*.yml) found in {models_dir}: check where the dbt project lies")
    texts = sorted((models_dir / "docs").glob("*.md"))
    return _load(*(tuple((path, path.stat().st_mtime_ns) for path in paths) for paths in (files, texts)))


@lru_cache(maxsize=4)
def _load(files: _Stamped, texts: _Stamped) -> Mapping[tuple[str, str], Contract]:
    """A run asks several times, a worker for ever; the files are read again when one of them changed."""
    contracts: dict[tuple[str, str], Contract] = {}
    blocks = {name: " ".join(text.split()) for path, _ in texts for name, text in _DOC_BLOCK.findall(path.read_text("utf-8"))}
    for path, _ in files:
        for contract in _read_file(path, blocks):
            key = (contract.object, contract.kind)
            if key in contracts:
                raise ConfigError(
                    f"{path.name}: model {contract.model} repeats object {key[0]!r}, kind {key[1]!r} of model "
                    f"{contracts[key].model}; give one of them another kind"
                )
            contracts[key] = contract
    return MappingProxyType(contracts)


def contract_of(contracts: Mapping[tuple[str, str], Contract], object_name: str, kind: str) -> Contract | None:
    """The contract of a row: that of its kind, else the only one of its object, else None (the row has no rules)."""
    exact = contracts.get((object_name, kind))
    if exact is not None:
        return exact
    same_object = [contract for (name, _), contract in contracts.items() if name == object_name]
    return same_object[0] if len(same_object) == 1 else None


def _read_file(path: Path, blocks: Mapping[str, str]) -> Iterable[Contract]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path.name}:{place} is not valid YAML; mend it, then run again") from error
    models = document.get("models") if isinstance(document, dict) else None
    for model in models or ():
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            raise ConfigError(f"{path.name}: every entry under 'models' needs a name")
        meta = _meta(model)
        if "object" in meta:
            yield _contract(path.name, model, meta, blocks)


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """``meta.cartwire`` of a model or column, in either place dbt accepts: ``meta`` or ``config.meta``."""
    for holder in (node.get("config") or {}, node):
        meta = (holder.get("meta") or {}).get("cartwire")
        if meta is not None:
            return meta if isinstance(meta, dict) else {}
    return {}


def _described(node: Mapping[str, Any], blocks: Mapping[str, str]) -> str:
    """A description as people read it; a block that is not there is left out, a test of the documentation finds it."""
    return " ".join(_DOC_CALL.sub(lambda call: blocks.get(call.group(1), ""), node.get("description") or "").split())


def _contract(file_name: str, model: Mapping[str, Any], meta: Mapping[str, Any], blocks: Mapping[str, str]) -> Contract:
    place = f"{file_name}: model {model['name']}"
    _refuse_unknown(place, meta, _MODEL_KEYS)
    for key in ("since", "version"):
        number = meta.get(key, 1)
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigError(f"{place}: '{key}' must be a contract version, a whole number from 1")
    for key in ("object", "kind", "endpoint", "id_rule"):
        if not isinstance(meta.get(key, ""), str):
            raise ConfigError(f"{place}: '{key}' must be text")
    for key in ("is_transition", "for_deleted"):
        if not isinstance(meta.get(key, False), bool):
            raise ConfigError(f"{place}: '{key}' must be true or false")
    columns = []
    for entry in model.get("columns") or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ConfigError(f"{place}: every column needs a name")
        if column_meta := _meta(entry):
            column = _column(f"{place}, column {entry['name']}", entry["name"], column_meta)
            columns.append(replace(column, description=_described(entry, blocks)))
    _refuse_repeats(place, columns)
    return Contract(
        model=model["name"],
        object=meta["object"],
        kind=meta.get("kind") or meta["object"],
        description=_described(model, blocks),
        endpoint=meta.get("endpoint", ""),
        since=meta.get("since", 1),
        version=meta.get("version", 1),
        id_rule=meta.get("id_rule", ""),
        is_transition=meta.get("is_transition", False),
        for_deleted=meta.get("for_deleted", False),
        columns=tuple(columns),
    )


def _column(place: str, name: str, meta: Mapping[str, Any]) -> Column:
    _refuse_unknown(place, meta, _COLUMN_KEYS)
    types = [str(member) for member in FieldType]
    if meta.get("type", "string") not in types:
        raise ConfigError(f"{place}: type must be one of {', '.join(types)}")
    for key in _BOOLEANS:
        if not isinstance(meta.get(key, False), bool):
            raise ConfigError(f"{place}: '{key}' must be true or false")
    for key in _TEXTS:
        if meta.get(key) is not None and not isinstance(meta[key], str):
            raise ConfigError(f"{place}: '{key}' must be text")
    column = Column(
        name=name,
        field=meta.get("field"),
        type=FieldType(meta.get("type", "string")),
        required=meta.get("required", False),
        max_length=_max_length(place, meta.get("max_length")),
        pattern=_pattern(place, meta.get("pattern")),
        enum=_enum(place, meta.get("enum")),
        minimum=_bound(place, "minimum", meta.get("minimum")),
        maximum=_bound(place, "maximum", meta.get("maximum")),
        unit=meta.get("unit") or "",
        personal=meta.get("personal", False),
        may_trigger=meta.get("may_trigger", False),
        is_compared=meta.get("is_compared", True),
        reason=meta.get("reason") or "",
        owner=meta.get("owner") or "",
    )
    _refuse_misplaced_rules(place, column)
    return column


def _max_length(place: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{place}: 'max_length' must be a whole number of characters, 1 or more")
    return value


def _pattern(place: str, value: str | None) -> str | None:
    if value is not None:
        try:
            re.compile(value)
        except re.error as error:
            raise ConfigError(f"{place}: 'pattern' is not a valid regular expression ({error.msg})") from error
    return value


def _enum(place: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ConfigError(f"{place}: 'enum' must be a list of texts (quote values such as yes, no and numbers)")
    return tuple(value)


def _bound(place: str, key: str, value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        bound = Decimal(str(value))
    except InvalidOperation as error:
        raise ConfigError(f"{place}: '{key}' must be a number") from error
    if not bound.is_finite():
        raise ConfigError(f"{place}: '{key}' must be a finite number")
    return bound


def _refuse_unknown(place: str, meta: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(str(key) for key in meta.keys() - known):
        raise ConfigError(f"{place}: unknown key {', '.join(unknown)} under meta.cartwire; known: {', '.join(sorted(known))}")


def _refuse_repeats(place: str, columns: list[Column]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        if column.field is not None and column.field in seen:
            raise ConfigError(f"{place}: columns {seen[column.field]} and {column.name} both claim field {column.field}")
        if column.field is not None:
            seen[column.field] = column.name


def _refuse_misplaced_rules(place: str, column: Column) -> None:
    """A rule that its type cannot have would be skipped in silence by the gate, so it is refused here."""
    texts = column.type in (FieldType.STRING, FieldType.STRING_LIST)
    numbers = column.type in (FieldType.LONG, FieldType.DOUBLE)
    if not texts and (column.max_length is not None or column.pattern is not None or column.enum):
        raise ConfigError(f"{place}: max_length, pattern and enum are for string columns, not {column.type}")
    if not numbers and (column.minimum is not None or column.maximum is not None):
        raise ConfigError(f"{place}: minimum and maximum are for long and double columns, not {column.type}")
    if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
        raise ConfigError(f"{place}: minimum is above maximum")
