"""The few errors a user can cause, by who can act on them. A row's fate is a value; a broken call is an exception."""

from __future__ import annotations


class CartwireError(Exception):
    """Base of every error shown to a user.

    The message says what happened and what to do. `facts` is machine-readable; neither may hold an e-mail, a token or a payload.
    """

    exit_code = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class ConfigError(CartwireError):
    """The operator can mend it: a setting, a row of `config/`, a credential."""

    exit_code = 2


class WarehouseError(ConfigError):
    """The storage refuses the warehouse, or damaged it. It can be made again from commercetools, Iterable and the ledger."""


class SourceError(CartwireError):
    """commercetools (or reading from Iterable) failed for good; no cursor has moved."""

    exit_code = 3


class GateClosed(CartwireError):
    """Data did not pass; facts name the gates and counts."""

    exit_code = 4


class DeliveryError(CartwireError):
    """Iterable's side refused a call for a reason that concerns no single row."""

    exit_code = 5


class RowTooLarge(DeliveryError):
    """One row alone is over the body limit of its endpoint; facts: object, subject, size_bytes."""


class Throttled(DeliveryError):
    """The endpoint asked to wait; facts: retry_after_s."""


class LedgerError(CartwireError):
    """The ledger refuses: another secret, another project, a broken invariant, a held lease."""

    exit_code = 6


class LeaseLost(LedgerError):
    """Another process owns the row: drop our verdict, carry on."""


class IllegalTransition(LedgerError):
    """A bug: the state table has no such edge. Stop."""
