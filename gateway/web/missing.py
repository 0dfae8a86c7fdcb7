"""What a browser is shown where there is nothing: in the pages' own frame, with status 404 and ways to go on.

Rules: it says what was not found, bounded and as text, and where to go instead. Whoever doesn't ask for a page (a
script, a program) gets problem details, as everywhere in the API. Pages that find out themselves that a thing isn't
there (a lane, a run) say so with :func:`nothing_here` or :func:`not_found`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from nicegui import Client, ui
from nicegui import app as nicegui_app

from gateway.api.problems import problem
from gateway.web.busy import wants_a_page
from gateway.web.frame import HELP, PLACES, frame
from gateway.web.nodes import Node

PATH_SHOWN: Final = 80
FOUND_AT: Final = {
    "/": "the lanes, live; each leads to its own page",
    "/replay": "stretches of simulated runs, and recorded traces",
    "/results": "how often gates were wrong in simulated runs",
    "/devices": "every gate and kiosk, and how it is",
    "/privacy": "what is kept about anybody, and until when",
    "/start": "what to do first",
}
"""What one finds at each place of the navigation: where one may go instead."""


def install() -> None:
    """From now on unknown paths are answered here, and not by the library."""
    # Made once: the library keeps what it needs of every page.
    unknown = ui.page("")

    @nicegui_app.exception_handler(404)
    async def _unknown(request: Request, error: Exception) -> Response:
        path = request.url.path
        if not wants_a_page(request):
            return problem(request, 404, f"There is nothing at {path[:PATH_SHOWN]}; /openapi.json lists what there is.")
        with Client(unknown, request=request) as client:
            nothing_here("No such page", f"There is no page at {shortened(path)} here.")
        return client.build_response(request, 404)


def shortened(words: str) -> str:
    """What somebody asked for, as it may stand in a sentence."""
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in words[:PATH_SHOWN])
    return f"“{shown}{'…' if len(words) > PATH_SHOWN else ''}”"


def not_found() -> None:
    """The page that is being made answers 404: what was asked for isn't there, and the page says so."""
    ui.context.client.status_code = 404


def nothing_here(title: str, sentence: str, near: Sequence[tuple[str, str]] = (), here: str = "") -> None:
    """The whole page. ``near``: name and path of what may have been meant; ``here`` as in :func:`frame`."""
    not_found()
    with frame(title, here):
        Node("p", sentence, "missing")
        if near:
            Node("h2", "Perhaps one of these")
            with Node("ul", css="row ways"):
                for name, path in near:
                    with Node("li"):
                        Node("a", name, "action quiet", href=path)
        Node("h2", "Where to go")
        with Node("ul", css="ways"):
            for name, path in (*PLACES, HELP):
                with Node("li"):
                    Node("a", name, href=path)
                    Node("span", f": {FOUND_AT[path]}", "soft")
