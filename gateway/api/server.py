"""Runs the application under uvicorn on the loopback address, with a clean start and a clean end.

Rules: the socket is bound before anything else, so a taken port is told before the database is touched; open event
streams are told to end when the process is asked to; what a user can mend leaves as a UserError, not as a traceback.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from gateway.api.app import create_app
from gateway.broker import HOST
from gateway.errors import UserError
from gateway.service import Service, Settings

Ready = Callable[[str, tuple[str, int]], None]


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise UserError(
            f"Port {port} on {HOST} cannot be used ({error.strerror}); end the program that has it, or choose another "
            "with --http-port (0 picks a free one)."
        ) from error
    return bound


class _Server(uvicorn.Server):
    """Tells open streams to end as soon as a signal comes, because uvicorn waits for them first."""

    service: Service | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.service is not None:
            self.service.live.stopping.set()
        super().handle_exit(sig, frame)


def _end_with_stdin() -> None:
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve(settings: Settings, http_port: int, ready: Ready, *, until_stdin_closes: bool = False) -> int:
    """Serve until SIGINT or SIGTERM; the exit status: 0, or 1 when ingest ended unexpectedly.

    ``ready`` is called once with the URL and the broker's (host, port), when both are in use. With
    ``until_stdin_closes`` the end of standard input ends the gateway too. :class:`UserError` when it cannot start.
    """
    failed = threading.Event()
    problem: list[UserError] = []

    def fail() -> None:
        failed.set()
        os.kill(os.getpid(), signal.SIGTERM)

    app = create_app(settings, fail)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        # uvicorn would print a traceback and status 3 for an error here: keep what the user can mend for ourselves.
        try:
            async with inner(application):
                service: Service = application.state.service
                server.service = service
                ready(f"http://{HOST}:{bound.getsockname()[1]}", service.mqtt)
                yield
        except UserError as error:
            problem.append(error)
            raise

    app.router.lifespan_context = lifespan
    # uvicorn logs a traceback for every lifespan that fails; for what the user can mend, our sentence is enough.
    logging.getLogger("uvicorn.error").addFilter(lambda _: not problem)
    bound = _bind(http_port)
    try:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=3, lifespan="on", ws="none"
        )
        server = _Server(config)
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
