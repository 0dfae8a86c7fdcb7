"""How long a page may take to be made, and what whoever asks is told when the gateway can't make it now.

Rules: the library gives up on a page after three seconds and calls that a mistake (500), but fifty pages that are
opened at once on a busy machine take longer, and each of them is whole when it is done. So pages are made known here,
with more patience; beyond that, and while the database can't be read, the answer is 503 and says when to try again: a
browser gets a small page that does so by itself, everybody else problem details. What a page shows doesn't belong here.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from html import escape
from typing import Any, Final, TypeVar

from nicegui import ui
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.api.problems import problem
from gateway.store.database import StoreBusy
from gateway.web.static_files import url

PATIENCE_S: Final = 30.0
AGAIN_S: Final = 5
"""When to try again."""

SLOW: Final = f"The gateway is too busy: it could not make this page within {PATIENCE_S:g} seconds."
LOCKED: Final = "The gateway's database can't be read at the moment."

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{again}"><title>Busy · Gateline</title>
<link rel="stylesheet" href="{styles}"><script src="{script}"></script></head>
<body><main class="nicegui-content"><h1>The gateway is busy</h1><p>{detail}</p>
<p>This page tries again in {again} seconds, <a href="">or now</a>.</p></main></body></html>
"""

Build = TypeVar("Build", bound=Callable[..., Any])


def patient_page(path: str) -> Callable[[Build], Build]:
    """Like the library's `ui.page`, for all pages of the gateway."""

    def known(build: Build) -> Build:
        waits = inspect.iscoroutinefunction(build)

        @functools.wraps(build)
        async def patient(*args: Any, **kwargs: Any) -> Any:
            limit = asyncio.timeout(PATIENCE_S)
            try:
                async with limit:
                    made = build(*args, **kwargs)
                    return await made if waits else made
            except TimeoutError:
                if not limit.expired():
                    raise
                detail = SLOW
            except StoreBusy:
                detail = LOCKED
            client = ui.context.client
            # Nobody will connect to what was made so far, and it would keep a place in the crowd (crowd.py) till then.
            asyncio.get_running_loop().call_soon(client.delete)
            return busy(client.request, detail)

        # The library's own limit is behind ours, so that it never comes to that.
        ui.page(path, response_timeout=2 * PATIENCE_S)(patient)
        return build

    return known


def wants_a_page(request: Request) -> bool:
    """Whether a browser asks for something to show: scripts, styles and programs don't say that they read HTML."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def busy(request: Request, detail: str) -> Response:
    """503: ``detail`` says why, in a sentence."""
    headers = {"Retry-After": str(AGAIN_S)}
    if not wants_a_page(request):
        return problem(request, 503, f"{detail} Try again in {AGAIN_S} seconds.", headers)
    text = _PAGE.format(again=AGAIN_S, detail=escape(detail), styles=url("gateline.css"), script=url("frame.js"))
    return HTMLResponse(text, 503, headers)
