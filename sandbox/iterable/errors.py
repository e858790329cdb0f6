"""The vendor's answer shapes: `{"msg", "code", "params"}` for success and failure alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ApiError(Exception):
    """A refusal of the whole request; the dispatcher turns it into the documented JSON body."""

    def __init__(self, status: int, code: str, msg: str, params: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.msg = msg
        self.params = params

    def body(self) -> dict[str, Any]:
        """The answer's JSON body."""
        return {"msg": self.msg, "code": self.code, "params": self.params}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one row was refused inside a 200. `email` and `user_id` are as the answer names the row."""

    reason: str
    email: str | None = None
    user_id: str | None = None
    event_name: str | None = None


def success(msg: str = "", params: dict[str, Any] | None = None) -> dict[str, Any]:
    """The common IterableApiResponse of a call that was accepted."""
    return {"msg": msg, "code": "Success", "params": params}


def bad_params(msg: str, params: dict[str, Any] | None = None) -> ApiError:
    """400 BadParams."""
    return ApiError(400, "BadParams", msg, params)


def bad_json_body(path: str, faults: dict[str, str]) -> ApiError:
    """400 BadJsonBody: one entry per fault, named by its place in the body (`obj.users[1].preferUserId`)."""
    return ApiError(400, "BadJsonBody", f"[{path}] Invalid JSON body", dict(faults))


def types_mismatched(path: str, faults: dict[str, Any]) -> ApiError:
    """400 RequestFieldsTypesMismatched: names field and value but never the row."""
    return ApiError(
        400, "RequestFieldsTypesMismatched", f"[{path}] Request fields types mismatched", {"validationErrors": faults}
    )


def forgotten_user(strict: bool) -> ApiError:
    """A single-person call on a forgotten person: 400 or 409 are both on record."""
    return ApiError(400 if strict else 409, "ForgottenUserError", "Contact is GDPR forgotten")


def identity_conflict() -> ApiError:
    """409: the identifiers of one row belong to two people."""
    return ApiError(409, "Conflict", "Email/userId conflict")
