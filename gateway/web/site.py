"""The NiceGUI pages on the gateway's application: put together once per process.

Rules: NiceGUI is one per process, so only the server that runs a gateway installs the pages; an application without
them has the API and the plain pages. No history of messages, no storage and no session are kept; nothing is loaded
from elsewhere. Pages are modules of gateway/web/pages, each with a `register`; what they show doesn't belong here.
"""

from __future__ import annotations

from fastapi import FastAPI, HTTPException
from nicegui import app as nicegui_app
from nicegui import ui
from starlette.middleware.gzip import GZipMiddleware

from gateway.web import log_lines, missing, static_files
from gateway.web.crowd import Crowd
from gateway.web.frame import ICON
from gateway.web.pages import REGISTER

RECONNECT_S = 3.0


def install(app: FastAPI) -> None:
    """The pages on ``app``.

    May be called once in a process, after the routes of the API are there: the pages take every path that is left.
    """

    @app.api_route("/v1", include_in_schema=False, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @app.api_route("/v1/{rest:path}", include_in_schema=False, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(rest: str = "") -> None:
        raise HTTPException(404, "There is no such resource; /openapi.json describes all.")

    log_lines.install()
    nicegui_app.add_middleware(Crowd)
    static_files.serve(app)
    missing.install()
    for register in REGISTER:
        register()
    ui.run_with(
        app,
        title="Gateline",
        favicon=ICON,
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        message_history_length=0,
        binding_refresh_interval=None,
        # Compressed below, outside the guard, which writes into pages.
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)
