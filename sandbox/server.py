"""Serves several ASGI apps on loopback ports, in one thread of this process.

The HTTP protocol is uvicorn's own, with one addition: the connection's transport is in `scope["state"]["transport"]`, so
that faults can break a connection in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 5


class TransportProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol; shares its transport with the app."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass(slots=True)
class RunningServers:
    """Servers that listen. A context manager; `stop()` may be called twice.

    urls: app name → "http://127.0.0.1:<port>".
    """

    urls: dict[str, str]
    _servers: list[uvicorn.Server]
    _thread: threading.Thread

    def stop(self) -> None:
        """Close the ports and connections and end the thread; answers under way get a few seconds."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join(timeout=2 * STOP_TIMEOUT_S)

    def __enter__(self) -> RunningServers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def serve(apps: Mapping[str, ASGIApp], ports: Mapping[str, int] | None = None) -> RunningServers:
    """Start one server for each app and return when all of them listen.

    Args:
        apps: name → ASGI app.
        ports: name → port on 127.0.0.1; missing or 0 means any free one.
    Raises: OSError if a port is taken; RuntimeError if a server does not start.
    """
    wanted = ports or {}
    sockets: dict[str, socket.socket] = {}
    try:
        for name in apps:
            sockets[name] = _listening_socket(wanted.get(name, 0))
    except OSError:
        for opened in sockets.values():
            opened.close()
        raise
    servers = [uvicorn.Server(_config(app)) for app in apps.values()]
    all_started = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_run(servers, list(sockets.values()), all_started)), name="sandbox", daemon=True
    )
    thread.start()
    if not all_started.wait(START_TIMEOUT_S):
        raise RuntimeError(f"the sandbox servers did not start within {START_TIMEOUT_S} seconds")
    urls = {name: f"http://{HOST}:{opened.getsockname()[1]}" for name, opened in sockets.items()}
    return RunningServers(urls, servers, thread)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=TransportProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )


def _listening_socket(port: int) -> socket.socket:
    # asyncio switches Nagle's delay off only for sockets that name their protocol; without it small answers take 40 ms.
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
    except OSError as error:
        opened.close()
        raise OSError(error.errno, f"port {port} on {HOST} cannot be used: {error.strerror}") from error
    return opened


async def _run(servers: list[uvicorn.Server], sockets: list[socket.socket], all_started: threading.Event) -> None:
    running = [asyncio.create_task(server.serve(sockets=[opened])) for server, opened in zip(servers, sockets, strict=True)]
    while not all(server.started for server in servers) and not any(task.done() for task in running):
        await asyncio.sleep(0.005)
    all_started.set()
    await asyncio.gather(*running)
