"""Runs the application with its pages under uvicorn, on the loopback address unless told otherwise.

Rules: a clean start and a clean end. The socket is bound before anything else, so a taken port is told before the
database is touched; open event streams are told to end when the process is asked to; what a user can mend leaves as a
UserError, not as a traceback.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from gateway.api.app import create_app
from gateway.broker import HOST
from gateway.errors import UserError
from gateway.service import Service, Settings
from gateway.web import context
from gateway.web.site import install

Ready = Callable[[str, tuple[str, int]], None]


MESSAGE_MAX_BYTES: Final = 64_000
"""The longest message that a page may send over its socket."""


def _bind(host: str, port: int) -> socket.socket:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        raise UserError(f"--http-host takes an address of this machine, such as {HOST}, and not {host!r}.") from None
    bound = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UserError(
            f"Port {port} on {host} cannot be used ({error.strerror}); end the program that has it, or choose another "
            "with --http-port (0 picks a free one) or another address of this machine with --http-host."
        ) from error
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Tells open streams to end as soon as a signal comes, because uvicorn waits for them first."""

    service: Service | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.service is not None:
            self.service.live.stopping.set()
        super().handle_exit(sig, frame)


def config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves ``app``."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=MESSAGE_MAX_BYTES,
        # Whatever runs on this machine could else tell us who asks.
        proxy_headers=False,
    )


def _end_with_stdin() -> None:
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve(
    settings: Settings,
    http_port: int,
    ready: Ready,
    *,
    http_host: str = HOST,
    names: Sequence[str] = (),
    until_stdin_closes: bool = False,
) -> int:
    """Serve until SIGINT or SIGTERM; the exit status: 0, or 1 when ingest ended unexpectedly.

    May be called once in a process (NiceGUI is one per process). ``names``: by which others than its addresses and
    the machine's own this gateway is asked for. ``ready`` is called once with the URL and the broker's (host, port),
    when both are in use. With ``until_stdin_closes`` the end of standard input ends the gateway too.
    :class:`UserError` when it cannot start.
    """
    failed = threading.Event()
    problem: list[UserError] = []

    def fail() -> None:
        failed.set()
        os.kill(os.getpid(), signal.SIGTERM)

    app = create_app(settings, fail, names)
    install(app)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        # uvicorn would print a traceback and status 3 for an error here: keep what the user can mend for ourselves.
        try:
            async with inner(application):
                service: Service = application.state.service
                server.service = service
                context.use(service)
                ready(_url(bound), service.mqtt)
                yield
                context.use(None)
        except UserError as error:
            problem.append(error)
            raise

    app.router.lifespan_context = lifespan
    # uvicorn logs a traceback for every lifespan that fails; for what the user can mend, our sentence is enough.
    logging.getLogger("uvicorn.error").addFilter(lambda _: not problem)
    bound = _bind(http_host, http_port)
    try:
        server = _Server(config(app))
        bound.listen(128)
        if until_stdin_closes:
            threading.Thread(target=_end_with_stdin, daemon=True).start()

        def end(*_: object) -> None:
            # Before uvicorn listens to signals this ends it; behind its clean end it repeats them, and that is that.
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        try:
            server.run(sockets=[bound])
        except SystemExit:
            if not problem:
                raise
    finally:
        bound.close()
    if problem:
        raise problem[0]
    return 1 if failed.is_set() else 0
