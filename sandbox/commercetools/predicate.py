"""Query predicates: text to tree. Knows the grammar only; `predicate_sql` knows fields and the database.

Grammar (keywords in any letter case): comparisons = != < > <= >= (and <>), `in`, `is [not] defined`, `is [not] empty`,
`contains any|all`, nested `field(...)`, `and`, `or`, `not(...)`, input variables `:name`. Not served: `within circle`,
`matches ignore case`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.commercetools.errors import ApiError, malformed

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<variable>:[a-zA-Z0-9]+)
    |(?P<quoted>`[^`]+`)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|!=|<>|[=<>(),]))""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_COMPARISONS = ("=", "!=", "<>", "<", ">", "<=", ">=")


@dataclass(frozen=True, slots=True)
class Value:
    """A literal, or the text of an input variable, which takes the type of the field it is compared with."""

    content: str | int | float | bool
    is_variable: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """field operator value; operator is one of = != < > <= >=."""

    field: str
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """field in (values)."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """field is [not] defined, or is [not] empty."""

    field: str
    word: str
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Contains:
    """field contains any|all (values), for arrays."""

    field: str
    quantifier: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """field(inner): an object that satisfies inner, or an array with an element that does."""

    field: str
    inner: Node


@dataclass(frozen=True, slots=True)
class Both:
    """left and right, or left or right."""

    word: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Not:
    """not(inner)."""

    inner: Node


Node = Comparison | Membership | Presence | Contains | Nested | Both | Not


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def parse(where: str, variables: Mapping[str, Sequence[str]], *, is_strict: bool = False) -> Node:
    """The tree of one `where`.

    Args:
        variables: input variables by name, without "var."; repeated ones in order.
        is_strict: refuse what the documentation does not promise: `<>`, `not in`, and a mix of `and` and `or` without
            parentheses (otherwise `and` binds tighter).
    Raises: ApiError 400 "Malformed parameter: where: ...".
    """
    return _Parser(where, variables, is_strict).parse()


class _Parser:
    def __init__(self, where: str, variables: Mapping[str, Sequence[str]], is_strict: bool) -> None:
        self.where, self.variables, self.is_strict = where, variables, is_strict
        self.tokens = list(self._tokens())
        self.position = 0

    def _tokens(self) -> list[_Token]:
        found = []
        at, end = 0, len(self.where.rstrip())
        while at < end:
            match = _TOKEN.match(self.where, at)
            if match is None:
                stop = at + len(self.where[at:]) - len(self.where[at:].lstrip())
                raise self._syntax_error(self.where[stop], "a predicate", stop)
            kind = str(match.lastgroup)
            found.append(_Token(kind, match.group(kind), match.start(kind)))
            at = match.end()
        found.append(_Token("end", "EOI", end))
        return found

    def _syntax_error(self, got: str, expected: str, at: int) -> ApiError:
        line = self.where.count("\n", 0, at) + 1
        column = at - (self.where.rfind("\n", 0, at) + 1) + 1
        shown = "end of input" if got == "EOI" else f"input '{got}'"
        return malformed(
            "where",
            f"Syntax error while parsing 'where'. Invalid {shown}, expected {expected} (line {line}, column {column}):"
            f"\n{self.where}",
        )

    def _unexpected(self, expected: str) -> ApiError:
        token = self.tokens[self.position]
        return self._syntax_error("EOI" if token.kind == "end" else token.text[0], expected, token.column)

    def parse(self) -> Node:
        tree = self._any_of()
        if self.tokens[self.position].kind != "end":
            raise self._unexpected("'and', 'or' or end of input")
        return tree

    def _is_word(self, word: str, ahead: int = 0) -> bool:
        token = self.tokens[min(self.position + ahead, len(self.tokens) - 1)]
        return token.kind == "word" and token.text.lower() == word

    def _take_word(self, word: str) -> bool:
        if not self._is_word(word):
            return False
        self.position += 1
        return True

    def _take_sign(self, sign: str) -> bool:
        token = self.tokens[self.position]
        if token.kind != "sign" or token.text != sign:
            return False
        self.position += 1
        return True

    def _expect_sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise self._unexpected(f"'{sign}'")

    def _any_of(self) -> Node:
        tree, mixed = self._all_of()
        while self._is_word("or"):
            if mixed and self.is_strict:
                raise self._unexpected("parentheses around 'and' beside 'or'")
            self.position += 1
            right, mixed = self._all_of()
            if mixed and self.is_strict:
                raise self._unexpected("parentheses around 'and' beside 'or'")
            tree = Both("or", tree, right)
        return tree

    def _all_of(self) -> tuple[Node, bool]:
        tree, mixed = self._factor(), False
        while self._take_word("and"):
            tree, mixed = Both("and", tree, self._factor()), True
        return tree, mixed

    def _factor(self) -> Node:
        if self._is_word("not") and self.tokens[self.position + 1].text == "(":
            self.position += 2
            inner = self._any_of()
            self._expect_sign(")")
            return Not(inner)
        if self._take_sign("("):
            inner = self._any_of()
            self._expect_sign(")")
            return inner
        return self._condition(self._field())

    def _field(self) -> str:
        token = self.tokens[self.position]
        if token.kind not in ("word", "quoted"):
            raise self._unexpected("a field")
        self.position += 1
        return token.text.strip("`")

    def _condition(self, field: str) -> Node:
        token = self.tokens[self.position]
        if token.kind == "sign" and token.text in _COMPARISONS:
            if token.text == "<>" and self.is_strict:
                raise self._unexpected("a comparison operator")
            self.position += 1
            return Comparison(field, "!=" if token.text == "<>" else token.text, self._value())
        if self._take_sign("("):
            inner = self._any_of()
            self._expect_sign(")")
            return Nested(field, inner)
        if self._take_word("in"):
            return Membership(field, self._values())
        if self._is_word("not") and self._is_word("in", 1) and not self.is_strict:
            self.position += 2
            return Not(Membership(field, self._values()))
        if self._take_word("is"):
            is_negated = self._take_word("not")
            for word in ("defined", "empty"):
                if self._take_word(word):
                    return Presence(field, word, is_negated)
            raise self._unexpected("'defined' or 'empty'")
        if self._take_word("contains"):
            for word in ("any", "all"):
                if self._take_word(word):
                    return Contains(field, word, self._values())
            raise self._unexpected("'any' or 'all'")
        raise self._unexpected("'(', 'in', 'is', 'contains' or a comparison operator")

    def _values(self) -> tuple[Value, ...]:
        if self.tokens[self.position].kind == "variable":
            return self._variable()
        self._expect_sign("(")
        values = list(self._variable_or_literal())
        while self._take_sign(","):
            values += self._variable_or_literal()
        if not self._take_sign(")"):
            raise self._unexpected("comma or ')'")
        return tuple(values)

    def _value(self) -> Value:
        at = self.position
        values = self._variable_or_literal()
        if len(values) != 1:
            self.position = at
            raise self._unexpected("one value")
        return values[0]

    def _variable_or_literal(self) -> tuple[Value, ...]:
        token = self.tokens[self.position]
        if token.kind == "variable":
            return self._variable()
        self.position += 1
        if token.kind == "string":
            return (Value(_ESCAPE.sub(r"\1", token.text[1:-1])),)
        if token.kind == "number":
            return (Value(float(token.text) if "." in token.text else int(token.text)),)
        if token.kind == "word" and token.text.lower() in ("true", "false"):
            return (Value(token.text.lower() == "true"),)
        self.position -= 1
        raise self._unexpected("a value")

    def _variable(self) -> tuple[Value, ...]:
        name = self.tokens[self.position].text[1:]
        if not self.variables.get(name):
            raise malformed("where", f"The input variable '{name}' is not defined.")
        self.position += 1
        return tuple(Value(text, is_variable=True) for text in self.variables[name])
