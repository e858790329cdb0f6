"""Error answers in commercetools' documented shape: {"statusCode", "message", "errors": [{"code", "message", ...}]}."""

from __future__ import annotations

from typing import Any

_CODES = {
    400: "InvalidInput",
    401: "invalid_token",
    403: "insufficient_scope",
    404: "ResourceNotFound",
    409: "ConcurrentModification",
    500: "General",
    502: "BadGateway",
    503: "OverCapacity",
    504: "GatewayTimeout",
}
_MESSAGES = {
    500: "An unexpected error occurred.",
    502: "Bad Gateway.",
    503: "The service is currently over capacity. Please retry later.",
    504: "Gateway Timeout.",
}


class ApiError(Exception):
    """A refusal. `extra` goes into the error object, `oauth` adds the RFC 6749 form beside it."""

    def __init__(self, status: int, code: str, message: str, *, oauth: bool = False, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.oauth, self.extra = status, code, message, oauth, extra

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        error = {"code": self.code, "message": self.message, **self.extra}
        content: dict[str, Any] = {"statusCode": self.status, "message": self.message, "errors": [error]}
        if self.oauth:
            content |= {"error": self.code, "error_description": self.message}
        return content


def error_body(status: int) -> dict[str, Any]:
    """The usual body of a status, for injected faults."""
    return ApiError(status, _CODES.get(status, "General"), _MESSAGES.get(status, "Injected fault.")).body()


def malformed(parameter: str, message: str) -> ApiError:
    """400 for a query parameter."""
    return ApiError(400, "InvalidInput", f"Malformed parameter: {parameter}: {message}")


def invalid_json(detail: str) -> ApiError:
    """400 for a request body."""
    return ApiError(400, "InvalidJsonInput", "Request body does not contain valid JSON.", detailedErrorMessage=detail)


def not_found(what: str) -> ApiError:
    """404; `what` is for example "ID 'x'" or "key 'x'"."""
    return ApiError(404, "ResourceNotFound", f"The Resource with {what} was not found.")


def concurrent(resource_id: str, expected: int, actual: int) -> ApiError:
    """409 of an update or delete whose version is not the newest."""
    message = f"Object {resource_id} has a different version than expected. Expected: {expected} - Actual: {actual}."
    return ApiError(409, "ConcurrentModification", message, currentVersion=actual)
