"""The pages' own files under `/static/`: styles and scripts, served from gateway/web/static.

Rules: a file's address holds a hash of all of them, so that a browser may keep them for ever and a new version is never
mixed with an old one (modules import each other by relative names, hence one hash for all).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(str(files("gateway.web").joinpath("static")))
FOREVER: Final = "public, max-age=31536000, immutable"


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def url(name: str) -> str:
    """The address of one file; FileNotFoundError, when a page is made, for one that there isn't."""
    if not (FOLDER / name).is_file():
        raise FileNotFoundError(f"gateway/web/static has no {name}")
    return f"/static/{_version()}/{name}"


class _Kept(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code < 400:
            response.headers["Cache-Control"] = FOREVER
        return response


def serve(app: FastAPI) -> None:
    """Serve the files under the addresses that :func:`url` gives."""
    app.mount(f"/static/{_version()}", _Kept(directory=FOLDER), name="static")
