"""Ids that are the same in every build: version 5 UUIDs over what a document is about."""

import hashlib
import uuid

NAMESPACE = uuid.UUID("6f1d3c1e-6a0b-5b6e-9d59-3c0f5e1c7a42")
_PREFIX = NAMESPACE.bytes
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def resource_id(kind: str, key: object) -> str:
    """The id of the document of this kind and key; equals str(uuid.uuid5(NAMESPACE, f"{kind}:{key}")), three times as fast."""
    digest = hashlib.sha1(_PREFIX + f"{kind}:{key}".encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{_VARIANTS[digest[16]]}{digest[17:20]}-{digest[20:32]}"
