"""How many pages may be handed out that no browser has connected to yet.

Rules: NiceGUI keeps what it made of a page until a browser connects, and else for a minute. Whoever only fetches pages
would fill the memory with that; beyond a bound pages that nobody connected to in time are given up, and where that
makes no room, the next one is refused for a while. Pages in use are never touched. What isn't a page of NiceGUI's (the
API, the plain pages, scripts and styles) doesn't come by here.
"""

from __future__ import annotations

from typing import Final

from nicegui import Client
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.web.busy import busy

WAITING_MAX: Final = 64
IN_TIME_S: Final = 10.0
"""A browser that means it connects within this, also a slow one."""
_OWN_FILES: Final = "/_nicegui"


def waiting() -> int:
    """Pages that no browser is connected to."""
    return sum(not client.has_socket_connection for client in Client.instances.values())


def has_room() -> bool:
    """Whether one more page may be made; gives up those that nobody connected to in time where it must."""
    if waiting() >= WAITING_MAX:
        Client.prune_instances(client_age_threshold=IN_TIME_S)
    return waiting() < WAITING_MAX


class Crowd:
    """ASGI, before NiceGUI's own application: 503 where too many pages wait for a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_OWN_FILES) and not has_room():
            answer = busy(Request(scope), f"{WAITING_MAX} pages were fetched that no browser has connected to yet.")
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)
