"""Pseudonymous keys of people. The SQL macro `person_key` computes the same bytes from the key blocks made here."""

from __future__ import annotations

import hashlib
import hmac

_BLOCK = 64


def fold_email(email: str) -> str:
    """Trimmed and lower-cased, as Iterable stores addresses (facts: iterable, section 3)."""
    return email.strip().lower()


def subject_of(customer_id: str | None, email: str | None) -> str:
    """`customer:<id>` for a registered person, else `email:<folded address>`.

    Raises: ValueError if neither is given.
    """
    if customer_id:
        return f"customer:{customer_id}"
    if email:
        return f"email:{fold_email(email)}"
    raise ValueError("a person needs a customer id or an e-mail address")


def person_key(secret: bytes, subject: str) -> str:
    """HMAC-SHA256 of the subject's UTF-8 bytes, 64 lower-case hex characters."""
    return hmac.new(secret, subject.encode(), hashlib.sha256).hexdigest()


def key_blocks(secret: bytes) -> tuple[bytes, bytes]:
    """The 64-byte inner and outer blocks of HMAC-SHA256 (RFC 2104), for `control.run`."""
    key = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
    padded = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
