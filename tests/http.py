"""Requests to servers of tests."""

from __future__ import annotations

import httpx

from clients import tls

HTTP = httpx.Client(verify=tls.context(), timeout=120, limits=httpx.Limits(keepalive_expiry=2))
"""Shared: to make a client for each request takes twenty times as long as the request. Servers keep a connection for five seconds."""
