"""One TLS context for all clients of a process: to read the certificate authorities takes longer than many a request."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def context() -> ssl.SSLContext:
    """As httpx makes it for each client: certificates and host names are checked."""
    return httpx.create_ssl_context()
