"""The routes of what moves: all lanes, one lane, and orders to the simulator of an emulated one.

Rules: what one page watches is encoded once for all (streams.py). Orders are given for emulated devices only, by whom
gateway/web/access.py lets; for a physical device the route refuses, whatever anybody may.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from gateway.api.bodies import bounded, decoded
from gateway.api.problems import MEDIA_TYPE, RESPONSES, known_parameters_only
from gateway.api.streams import Broadcast, CountedStream
from gateway.live.world import OrderRefused, Problem
from gateway.protocol.scenes import Order
from gateway.service import Service
from gateway.web import access

MAX_BODY_BYTES: Final = 1_024
STATUS_OF: Final[dict[Problem, int]] = {
    "unknown_device": 404,
    "not_emulated": 409,
    "no_such_beam": 409,
    "no_such_rider": 422,
    "nothing_named": 422,
    "away": 503,
}

router = APIRouter(prefix="/v1", responses=RESPONSES, dependencies=[Depends(known_parameters_only)])


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {}}, "description": "One JSON object per event."},
    429: _problem("So many watch from this address that others would find no room."),
    503: _problem("As many watch as may at once; try again."),
}


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _broadcast(request: Request, device: str | None) -> Broadcast:
    """The broadcast of one lane, or of all; made when somebody first asks."""
    service, broadcasts = _service(request), cast(dict[str | None, Broadcast], request.app.state.broadcasts)
    live = service.live
    known = broadcasts.get(device)
    if known is not None:
        return known

    def all_lanes() -> dict[str, Any]:
        return live.snapshot() | {"ingest": service.pipeline.state.value}

    def one_lane() -> dict[str, Any] | None:
        assert device is not None
        members = live.members(device)
        return None if members is None else members | {"shown": live.shown(device), "now_ms": service.now_ms()}

    if device is None:
        made = Broadcast(all_lanes, lambda: (live.version, service.pipeline.state), live.stopping.is_set)
    else:
        # Its own version: what other lanes do makes nothing to look at here.
        # Nothing comes from a simulator that is gone, so that it is gone is looked at by the clock.
        def version() -> tuple[int, bool]:
            return live.version_of(device), live.shown(device)

        made = Broadcast(one_lane, version, live.stopping.is_set, changes_only=True, always=("now_ms",))
    broadcasts[device] = made
    return made


@router.get(
    "/live",
    summary="The lanes as they move, as server-sent events",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def live(request: Request) -> StreamingResponse:
    """About ten events a second while something changes, five when many watch; a comment every ten seconds or so while
    nothing does."""
    return CountedStream(_broadcast(request, None).listen(), request)


@router.get(
    "/live/{device}",
    summary="One lane as it moves, as server-sent events",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def live_lane(request: Request, device: str) -> StreamingResponse:
    """The first event is the whole lane; later ones have the members that have changed, and `now_ms`.

    Layout, scene, edges and outcomes are those that the simulator of an emulated site shows (docs/protocol.md); for a
    physical device they are null or empty.
    """
    if _service(request).registry.by_name(device) is None:
        raise HTTPException(404, "There is no such device; /v1/devices lists all.")
    return CountedStream(_broadcast(request, device).listen(), request)


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    do: Order
    what: str = ""
    on: bool = True


class Given(BaseModel):
    """An order that was given."""

    id: int = Field(description="The order's number, as it stands on the wire.", examples=[4503599627370496])


_ORDER_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["do"],
                    "properties": {
                        "do": {"enum": ["send", "beam", "arm", "network", "fire"]},
                        "what": {
                            "type": "string",
                            "description": "For `send` the rider: commuter, suitcase, pram, wheelchair, tailgater, "
                            "jumper; for `beam` its number; else empty.",
                        },
                        "on": {"type": "boolean", "default": True, "description": "False undoes it."},
                    },
                }
            }
        },
    }
}


@router.post(
    "/devices/{device}/world",
    summary="Send a rider, break a beam, jam the arm, cut the network, ring the fire alarm: emulated gates only",
    status_code=202,
    openapi_extra=_ORDER_BODY,
    responses={
        409: _problem("The device is physical, or has no such beam."),
        413: _problem("The body is too long."),
        415: _problem("The body is not JSON."),
    },
)
async def world(request: Request, device: str) -> Given:
    """An order to the simulator. It is given, not done: what comes of it shows in `/v1/live/{device}`."""
    service = _service(request)
    # A form of another page can't say this without being asked about it first (CORS).
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send the order as JSON, with the content type application/json.")
    asked = decoded(await bounded(request, MAX_BODY_BYTES), _Asked)
    found = service.registry.by_name(device)
    emulated = found is not None and found.sender.site_class == access.EMULATED
    if emulated and not access.allowed(access.Action.STEER, access.EMULATED):
        raise HTTPException(403, "You may look at this device, and not steer it.")
    try:
        return Given(id=service.world.send(device, asked.do, asked.what, asked.on))
    except OrderRefused as refused:
        raise HTTPException(STATUS_OF[refused.problem], str(refused)) from None
