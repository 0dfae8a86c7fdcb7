"""All errors of the API as problem details (RFC 9457), those of the framework included.

Rule: an error says what, where and how to mend it; an unexpected one tells the log its traceback and the client only
that there was one.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from gateway.store.database import StoreBusy, StoreFull

log = logging.getLogger("gateline.api")

MEDIA_TYPE: Final = "application/problem+json"
# What of a client's own words is said back.
UNKNOWN_SHOWN: Final = 5
NAME_SHOWN: Final = 64


class Problem(BaseModel):
    """Problem details after RFC 9457."""

    type: str = Field(description="Always about:blank: the status says what kind of problem it is.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status code.", examples=[404])
    detail: str = Field(description="What is wrong and how to mend it.", examples=["There is no device gate-99."])
    instance: str = Field(description="The path that was asked for.", examples=["/v1/devices/gate-99/gaps"])


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, text in {
        400: "The request was not for this host.",
        403: "The request came from another page than ours, or asks for what nobody may do.",
        404: "There is no such thing.",
        422: "A parameter is not of its form, or there is none of that name.",
        503: "The database cannot be read at the moment; ask again.",
    }.items()
}


def problem(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that says what went wrong."""
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
    )
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def known_parameters_only(request: Request) -> None:
    """A dependency of routes: RequestValidationError for a query parameter that the route does not have.

    A misspelt filter would else be ignored, and the answer would look like the filtered one.
    """
    route = request.scope["route"]
    known = [field.alias for field in route.dependant.query_params] if isinstance(route, APIRoute) else []
    told = f"this path takes {', '.join(known)}" if known else "this path takes none"
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"loc": ("query", name[:NAME_SHOWN]), "msg": f"there is no such parameter, {told}", "type": "unknown"}
                for name in unknown[:UNKNOWN_SHOWN]
            ]
        )


def install(app: FastAPI) -> None:
    """Let every error of ``app`` leave as problem details; the OpenAPI document says so."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return document

    # FastAPI's own way to change the document; the type checker sees a method being replaced.
    app.openapi = openapi  # type: ignore[method-assign]

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = error.detail
        if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
            detail = f"There is nothing at {request.url.path}; /openapi.json lists what there is."
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.url.path} does not take {request.method}; /openapi.json says what it takes."
        return problem(request, error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        what = "The body" if any(one["loc"][:1] == ("body",) for one in error.errors()) else "A parameter"
        told = "; ".join(f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors())
        return problem(request, 422, f"{what} is not of its form: {told}.")

    async def _unavailable(request: Request, error: Exception) -> JSONResponse:
        return problem(
            request, 503, "The database cannot be read at the moment; ask again in a second.", {"Retry-After": "1"}
        )

    app.add_exception_handler(StoreBusy, _unavailable)
    app.add_exception_handler(StoreFull, _unavailable)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("An unexpected error answered %s.", request.url.path, exc_info=error)
        return problem(request, 500, "The gateway made a mistake; its log says more. Asking again may help.")
