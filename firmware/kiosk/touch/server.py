"""Serves kiosks' touch pages on this machine: routes, headers, and uvicorn on the loopback address.

Rules: nothing is fetched from elsewhere and nobody elsewhere is answered: a request whose Host is not this machine, or
whose Origin is not this page, is refused (a page from the internet, open in the same browser, could else look in). All
answers but the libraries' files are marked `no-store`. NiceGUI keeps no history of messages, no storage, no session.
NiceGUI is one per process, so `create_app` may be called once in a process; kiosks may join and leave `kiosks` later.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from nicegui import ui

from firmware.kiosk.touch.errors import UserError
from firmware.kiosk.touch.page import Machine, MakeView, show
from firmware.link import page_listener

HOST = page_listener.HOST
RECONNECT_S = 2.0

Kiosk = tuple[Machine, MakeView]

Scope = dict[str, Any]
Message = dict[str, Any]

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#12325c"/>'
    '<path d="M9 7v18M23 7v18M9 16h14" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/></svg>'
)


KEEP_ALIVE_STYLE = base64.b64encode(hashlib.sha256(b"display: none").digest()).decode()
"""NiceGUI's document has one style attribute, on an element that is never shown."""


def policy(nonce: str) -> str:
    """The content security policy. NiceGUI turns templates and handlers into functions, so it needs `unsafe-eval`;
    scripts and styles written into the document need the nonce, and the rest comes from here or not at all."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'nonce-{nonce}' "
        f"'unsafe-hashes' 'sha256-{KEEP_ALIVE_STYLE}'; "
        "connect-src 'self'; font-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


class Guard:
    """ASGI: refuses strangers and puts the headers on every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        origin = headers.get("origin")
        ours = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", host) is not None
        if not ours or (origin is not None and origin != f"http://{host}"):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            refused = Response("This page is for the kiosk's own screen.\n", 403, media_type="text/plain")
            await refused(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Sealed(send))


class _Sealed:
    """`send` of one answer: gathers an HTML document to write nonces into it; lets all else pass with headers."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            nonce = secrets.token_urlsafe(16)
            kept = [(name, value) for name, value in message["headers"] if name.lower() != b"set-cookie"]
            headers = {name.lower(): value for name, value in kept}
            added = {
                b"content-security-policy": policy(nonce).encode(),
                b"x-content-type-options": b"nosniff",
                b"referrer-policy": b"no-referrer",
                b"cross-origin-opener-policy": b"same-origin",
                b"cross-origin-resource-policy": b"same-origin",
                b"permissions-policy": b"camera=(), microphone=(), geolocation=(), payment=()",
            }
            if b"cache-control" not in headers:
                added[b"cache-control"] = b"no-store"
            message = {**message, "headers": kept + list(added.items())}
            if headers.get(b"content-type", b"").startswith(b"text/html"):
                self._start = message
                self._nonce = nonce
                return
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = re.sub(rb"<(script|style)\b", rb'<\1 nonce="%s"' % self._nonce.encode(), bytes(self._body))
            length = (b"content-length", str(len(body)).encode())
            others = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
            await self._send({**self._start, "headers": [*others, length]})
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._send(message)


def create_app(kiosks: Mapping[str, Kiosk], title: str = "Kiosk") -> Any:
    """The ASGI application: each kiosk's page at /kiosk/<name>, and the first one's at / too."""
    # Its warnings and errors still show; a kiosk has nobody who would want to hear where its page is.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    place = files("firmware.kiosk.touch")
    sources = {
        "kiosk.css": (place.joinpath("touch.css").read_text(encoding="utf-8"), "text/css"),
        "kiosk.js": (place.joinpath("touch.js").read_text(encoding="utf-8"), "text/javascript"),
    }

    for name, (text, media_type) in sources.items():

        def source(text: str = text, media_type: str = media_type) -> Response:
            return Response(text, media_type=media_type, headers={"Cache-Control": "no-store"})

        app.add_api_route(f"/{name}", source)

    head = '<link rel="stylesheet" href="/kiosk.css"><script src="/kiosk.js"></script>'

    def page_of(name: str | None) -> None:
        if name is None:
            name = next(iter(kiosks), None)
        if name is None or name not in kiosks:
            raise HTTPException(404, "There is no such kiosk.")
        ui.add_head_html(head)
        ui.add_body_html(LOST)
        show(*kiosks[name])

    @ui.page("/")
    def first() -> None:
        page_of(None)

    @ui.page("/kiosk/{name}")
    def named(name: str) -> None:
        page_of(name)

    ui.run_with(
        app,
        title=title,
        favicon=ICON,
        dark=None,
        language=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        message_history_length=0,
        binding_refresh_interval=None,
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    return Guard(app)


LOST = (
    '<div id="lost" role="alert"><p lang="en"><b>One moment, please.</b> This kiosk is coming back.</p>'
    '<p lang="de"><b>Einen Moment, bitte.</b> Dieser Automat ist gleich wieder da.</p></div>'
)
"""What stands on the screen while the kiosk's process does not answer; the texts can't come from it then."""


def listen(port: int) -> Any:
    """A listening socket; UserError where the port is taken or not allowed. Port 0 picks a free one."""
    try:
        return page_listener.listen(port)
    except OSError as error:
        raise UserError(
            f"The page's port {port} cannot be used ({os.strerror(error.errno or 0)}); choose another with --port."
        ) from error


class Server(uvicorn.Server):
    """uvicorn that says when it serves."""

    def __init__(self, app: Any, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="on",
                ws_max_size=64_000,
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(app: Any, listener: Any, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once pages are answered."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with contextlib.closing(listener), contextlib.suppress(KeyboardInterrupt):
        Server(app, ready).run(sockets=[listener])
