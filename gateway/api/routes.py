"""The routes under /v1: read only, paged, filtered.

Rules: a route asks Queries and LiveState and shapes the answer; SQL and decisions live elsewhere. Rows leave as they
were stored, without handles.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from gateway.api import models
from gateway.api.paging import MAX_CURSOR, DeviceKey, K, Key, SiteKey, decode_cursor, encode_cursor
from gateway.api.problems import RESPONSES, known_parameters_only
from gateway.protocol.records import MAX_INTEGER
from gateway.service import Service
from gateway.store.directory import Directory
from gateway.store.queries import EVENT_KINDS, Filter, GapKey, Position

router = APIRouter(prefix="/v1", responses=RESPONSES, dependencies=[Depends(known_parameters_only)])

NameFilter = Annotated[str | None, Query(max_length=32, pattern="^[a-z0-9][a-z0-9-]*$")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows on a page.")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR, description="`next` of the page before.")]
Since = Annotated[int | None, Query(alias="from", ge=0, le=MAX_INTEGER, description="Not before; epoch ms.")]
Until = Annotated[int | None, Query(alias="to", ge=0, le=MAX_INTEGER, description="Before; epoch ms.")]


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _after(cursor: str | None, form: type[K]) -> K | None:
    if cursor is None:
        return None
    try:
        return decode_cursor(cursor, form)
    except ValueError:
        raise RequestValidationError(
            [{"loc": ("query", "cursor"), "msg": "take `next` of the page before", "type": "value_error"}]
        ) from None


def _devices(service: Service, site: str | None, device: str | None) -> list[str] | None:
    """The devices that both filters leave, None for all. A device that is not known any more keeps its rows."""
    if site is None:
        return None if device is None else [device]
    names = [one.sender.device for one in service.registry.devices() if one.sender.site == site]
    return names if device is None else [name for name in names if name == device]


def _next(request: Request, response: Response, keys: list[Key], limit: int) -> str | None:
    """The cursor behind a page of ``keys`` (which are one more than ``limit`` when there is a next page)."""
    if len(keys) <= limit:
        return None
    cursor = encode_cursor(keys[limit - 1])
    response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return cursor


def _positions(rows: list[dict[str, Any]], time: str) -> list[Key]:
    return [Position(row[time], row["device"], row["boot"], row["seq"]) for row in rows]


@router.get("/sites", summary="All sites")
def sites(request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None) -> models.Sites:
    """Sites with their class, which was fixed when they were created."""
    service = _service(request)
    devices = [device.sender.site for device in service.registry.devices()]
    after = _after(cursor, SiteKey)
    found = [site for site in Directory(service.database).sites().values() if after is None or site.site > after.site]
    keys: list[Key] = [SiteKey(site.site) for site in found]
    return models.Sites.model_validate(
        {
            "items": [
                {
                    "site": site.site,
                    "class": site.site_class,
                    "day_start_ms": site.day_start_ms,
                    "devices": devices.count(site.site),
                }
                for site in found[:limit]
            ],
            "next": _next(request, response, keys, limit),
        }
    )


@router.get("/devices", summary="All devices, or those of one site")
def devices(
    request: Request, response: Response, site: NameFilter = None, limit: Limit = 100, cursor: Cursor = None
) -> models.Devices:
    """Devices with what they last said of themselves, and how far each of their boots is stored."""
    service = _service(request)
    after = _after(cursor, DeviceKey)
    found = [
        device
        for device in service.registry.devices()
        if (site is None or device.sender.site == site)
        and (after is None or (device.sender.site, device.sender.device) > after)
    ]
    keys: list[Key] = [DeviceKey(device.sender.site, device.sender.device) for device in found]
    items = []
    for device in found[:limit]:
        name = device.sender.device
        lane = service.live.lane(name)
        items.append(
            {
                "device": name,
                "site": device.sender.site,
                "link": "unknown" if lane is None else lane.link,
                "firmware": None if lane is None else lane.firmware,
                "boots": service.queries.boots(name),
            }
        )
    return models.Devices.model_validate({"items": items, "next": _next(request, response, keys, limit)})


@router.get("/events", summary="Consented passages, irregular passages, daily totals, notices")
def events(
    request: Request,
    response: Response,
    site: NameFilter = None,
    device: NameFilter = None,
    kind: Annotated[
        Literal["passage", "irregular", "daily", "device"] | None, Query(description="Only this kind.")
    ] = None,
    way: Annotated[Literal["entry", "exit"] | None, Query(description="Only records that have this way.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> models.Events:
    """Records with one row each, in order of their own time. Riders who declined are only in `/v1/tallies`."""
    service = _service(request)
    kinds = EVENT_KINDS if kind is None else (kind,)
    wanted = Filter(_devices(service, site, device), kinds, way, since, until)
    rows = service.queries.events(wanted, _after(cursor, Position), limit + 1)
    following = _next(request, response, _positions(rows, "at"), limit)
    return models.Events.model_validate({"items": rows[:limit], "next": following})


@router.get("/tallies", summary="Counts of passages without a record of their own")
def tallies(
    request: Request,
    response: Response,
    site: NameFilter = None,
    device: NameFilter = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> models.Tallies:
    """Tallies in order of the beginning of their interval; `from` and `to` filter by that beginning."""
    service = _service(request)
    wanted = Filter(_devices(service, site, device), since=since, until=until)
    rows = service.queries.tallies(wanted, _after(cursor, Position), limit + 1)
    following = _next(request, response, _positions(rows, "from_ms"), limit)
    return models.Tallies.model_validate({"items": rows[:limit], "next": following})


@router.get("/devices/{device}/gaps", summary="What of a device did not come in order")
def gaps(request: Request, response: Response, device: str, limit: Limit = 100, cursor: Cursor = None) -> models.Gaps:
    """The proof that nothing is missing: every gap, and whether it was closed."""
    service = _service(request)
    if service.registry.by_name(device) is None:
        raise HTTPException(404, "There is no such device; /v1/devices lists all.")
    rows = service.queries.gaps(device, _after(cursor, GapKey), limit + 1)
    keys: list[Key] = [GapKey(row["boot"], row["from_seq"], row["to_seq"]) for row in rows]
    return models.Gaps.model_validate(
        {
            "device": device,
            "boots": service.queries.boots(device),
            "items": rows[:limit],
            "next": _next(request, response, keys, limit),
        }
    )


@router.get("/health", summary="How the gateway and its devices are")
def health(request: Request) -> models.GatewayHealth:
    """Counts from the database, and what devices last told of themselves. Always answers 200 while it can answer."""
    service = _service(request)
    latest = {device: (boot, mark) for device, boot, mark in service.queries.latest_boots()}
    told = []
    for device in service.registry.devices():
        name = device.sender.device
        lane = service.live.lane(name)
        boot, watermark = latest.get(name, (None, None))
        report = None if lane is None else lane.health
        told.append(
            {
                "device": name,
                "link": "unknown" if lane is None else lane.link,
                "state": None if lane is None or lane.scene is None else lane.scene.state,
                "boot": boot,
                "watermark": watermark,
                "outbox": None if report is None else report.outbox,
                "heap_free": None if report is None else report.heap_free,
                "worst_tick_ms": None if report is None else report.worst_tick_ms,
                "refused_stored": None if report is None else report.refused_stored,
                "blocked": None
                if lane is None or lane.blocked is None
                else {"reason": lane.blocked.value, "count": lane.refused},
            }
        )
    ingest = service.pipeline.state.value
    return models.GatewayHealth.model_validate(
        {
            "status": "ok" if ingest == "ok" else "degraded",
            "ingest": ingest,
            "stored": service.queries.stored(),
            "duplicates_refused": sum(service.queries.counters("duplicates_refused").values()),
            "gaps": service.queries.gap_states(),
            "quarantine": service.queries.quarantined(),
            "dropped": service.consumer.dropped,
            "devices": told,
        }
    )
