"""What counts as an e-mail address and as a userId."""

from __future__ import annotations

import re
from functools import lru_cache

USER_ID_CHARS_MAX = 52
_LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_TOP_LEVEL = re.compile(r"[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59}")
# The vendor checks against the list of existing top-level domains. Not copied here: the names that are reserved
# never to exist are refused, every other alphabetic one passes.
_NEVER_EXISTING = frozenset({"test", "invalid", "localhost", "local", "example", "internal", "onion", "lan", "corp", "home"})


def fold_email(email: str) -> str:
    """The stored form of an address: trimmed, lower case."""
    return email.strip().lower()


@lru_cache(maxsize=65_536)
def is_email(folded: str) -> bool:
    """Whether the vendor's format check passes; `folded` is lower case already."""
    local, at, domain = folded.rpartition("@")
    if not at or len(local) > 64 or len(domain) > 253 or _LOCAL_PART.fullmatch(local) is None:
        return False
    *labels, top = domain.split(".")
    if not labels or top in _NEVER_EXISTING or _TOP_LEVEL.fullmatch(top) is None:
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def is_user_id(user_id: str) -> bool:
    """Non-empty, at most 52 characters, printable ASCII, no space at the end. Case matters."""
    if not 0 < len(user_id) <= USER_ID_CHARS_MAX or user_id.endswith(" "):
        return False
    return user_id.isascii() and user_id.isprintable()
