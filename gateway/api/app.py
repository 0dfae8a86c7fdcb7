"""The FastAPI application: routes, page, problem details, and a lifespan that runs the gateway's parts.

Rules: nothing here is fetched from elsewhere (FastAPI's own documentation pages are, so they are off; /openapi.json
stays). The lifespan starts the service and always stops it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from gateway.api import consent, kiosk, live, pages, problems, replays, results
from gateway.api.guard import Guard
from gateway.api.routes import router
from gateway.api.streams import Places
from gateway.service import Service, Settings

DESCRIPTION = """\
A fare gate whose every part can be studied, and whose riders cannot.

Times are epoch milliseconds. Lists are paged: `limit`, and `cursor` with the `next` of the page before. Errors are
problem details (RFC 9457). Riders who have not consented appear in tallies only; handles are never shown.
"""


def end_process() -> None:
    """What a gateway does when ingest has failed: end, so that whoever watches it starts it anew."""
    os.kill(os.getpid(), signal.SIGTERM)


def create_app(settings: Settings, on_failure: Callable[[], None] = end_process, names: Sequence[str] = ()) -> FastAPI:
    """The application on the data of ``settings``; ``on_failure`` is called when ingest ends unexpectedly.

    ``names``: by which others than its addresses and the machine's own the gateway is asked for.

    The lifespan raises :class:`~gateway.errors.UserError` where something is wrong that a user can mend.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = await anyio.to_thread.run_sync(Service, settings, on_failure)
        try:
            await anyio.to_thread.run_sync(service.start)
            app.state.service = service
            app.state.streams = Places()
            app.state.broadcasts = {}
            try:
                yield
            finally:
                await anyio.to_thread.run_sync(service.stop)
        finally:
            service.close()

    app = FastAPI(
        title="Gateline",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # A path with a slash too much is told so (404), not sent on to an address made of the request's own host.
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_middleware(Guard, names=names)
    app.include_router(router)
    app.include_router(live.router)
    app.include_router(consent.router)
    app.include_router(kiosk.router)
    app.include_router(results.router)
    app.include_router(replays.router)
    app.include_router(pages.router)
    return app
