"""The routes of replay: recorded traces of emulated gates, and any stretch of a simulated run.

Rules: read only and bounded; what may be read, and how much at once, is decided in gateway/replay. Riders of runs are
synthetic, and still have no names here: those within one answer are numbered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal, cast

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from gateway.api.models import At, Boot, DeviceName, Next, Seq, WayName
from gateway.api.paging import MAX_CURSOR, decode_cursor, encode_cursor
from gateway.api.problems import MEDIA_TYPE, RESPONSES, known_parameters_only
from gateway.protocol.records import MAX_INTEGER
from gateway.replay import traces
from gateway.replay.rows import Layout, Walk
from gateway.replay.runs import EDGES_MAX, STRETCH_MAX_MS, Replays, Stretch, UnknownRun
from gateway.replay.tables import Unreadable
from gateway.replay.traces import NoTrace
from gateway.service import Service
from gateway.store.queries import Position

_UNREADABLE: Final[dict[int | str, dict[str, Any]]] = {
    409: {
        "description": "The run is there, and one of its tables can't be read.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

router = APIRouter(prefix="/v1/replays", responses=RESPONSES, dependencies=[Depends(known_parameters_only)])

RunName = Annotated[
    str, Query(max_length=90, description="A run's name, as in /v1/replays/runs.", examples=["evening-peak"])
]
StationName = Annotated[str, Query(max_length=64, description="Of a run of many stations; else empty.")]
LaneName = Annotated[str, Query(max_length=64, description="A lane's name.", examples=["in-1"])]
Device = Annotated[str, Query(max_length=32, pattern="^[a-z0-9][a-z0-9-]*$", description="An emulated gate.")]
Ms = Annotated[int, Field(description="Virtual milliseconds since the run began.")]


class RunItem(BaseModel):
    """A run of `gateline simulate --out`."""

    run: str
    written: int = Field(description="When it was written, epoch milliseconds.")
    edges: bool = Field(description="Whether what the beams did was kept.")
    walks: bool = Field(description="Whether the way of each body was kept.")


class RunItems(BaseModel):
    """The runs that can be replayed, those written last first; at most 200."""

    items: list[RunItem]


class BeamPlace(BaseModel):
    """A beam's place: along the lane, the first at 0, and above the floor."""

    x_mm: int
    z_mm: int


class LayoutItem(BaseModel):
    """Where the things of one lane are, in mm."""

    make: str = Field(examples=["paddle"])
    detector: str = Field(examples=["ordered"])
    beams: list[BeamPlace]
    arm_mm: int
    arm_height_mm: int
    arm_clearance_mm: int
    stand_mm: int
    queue_mm: int
    away_mm: int
    width_mm: int


class LaneItem(BaseModel):
    """One lane of a run."""

    station: str
    lane: str
    way: str = Field(description="entry or exit; empty where the run does not tell.")
    layout: LayoutItem | None = Field(description="Null where the run does not tell.")


class LaneItems(BaseModel):
    """The lanes of one run, in the order of its scenario."""

    run: str
    from_epoch: int | None = Field(description="When the run began on its own clock, epoch milliseconds; or null.")
    items: list[LaneItem]


class Moment(BaseModel):
    """A moment that somebody may look for: an accusation, or an evasion that nobody noticed."""

    at_ms: Ms
    match: str = Field(description="As in docs/scorecard.md: true, false, repeated, phantom, missed, unseen.")
    what: str = Field(description="The gate's verdict, or empty.")
    confidence: int = Field(description="Percent; -1 where there is none.")
    outcome: str = Field(description="What the rider did, or empty where nobody was there.")
    rider_kind: str
    behaviour: str


class OverviewItem(BaseModel):
    """A whole run at one lane."""

    run: str
    station: str
    lane: str
    way: str
    from_epoch: int | None
    layout: LayoutItem | None
    to_ms: Ms
    bin_ms: int = Field(description="How long a bin of `edges` is.")
    edges: list[int] = Field(description="Edges of all beams by time.")
    moments: list[Moment]
    left_out: int = Field(description="Moments beyond the first 5,000.")
    tables: list[str] = Field(description="Which tables the run has.")


class WalkItem(BaseModel):
    """How one body went: straight lines between points, at rest behind the last."""

    rider: int | None = Field(description="Index of its rider in `crossings`, or null.")
    kind: Literal[0, 1] = Field(description="0 paying, 1 without a medium of their own.")
    reverse: bool
    since_ms: Ms
    until_ms: Ms
    parts: list[tuple[str, int, int, int, int, bool]] = Field(
        description="[name, offset_mm behind the front, length_mm, low_mm, high_mm, whether it is the person]."
    )
    raised: list[tuple[int, int, int]] = Field(description="[from_mm, to_mm, by_mm] of the front.")
    points: list[tuple[int, int]] = Field(description="[at_ms, front_mm].")


class CrossingItem(BaseModel):
    """What one rider did at the lane: the truth. -1 for never."""

    way: str
    rider_kind: str
    behaviour: str
    outcome: str
    honest: bool
    reader_ms: int
    tapped_ms: int
    entered_ms: int
    left_ms: int
    all_left_ms: int
    match: str | None = Field(description="What the join made of it; null where its verdict is not in this stretch.")


class VerdictItem(BaseModel):
    """What the gate decided."""

    at_ms: Ms
    since_ms: int
    what: str
    confidence: int
    way: str
    told_as: str
    match: str | None = Field(description="What the join made of it.")
    rider: int | None = Field(description="Index in `crossings` of whom it is about, or null.")
    rider_kind: str
    outcome: str


class StretchItem(BaseModel):
    """All that is known of a stretch of time at one lane."""

    run: str
    station: str
    lane: str
    from_ms: Ms
    to_ms: Ms
    whole: bool = Field(
        description=f"False where there were more than {EDGES_MAX:,} edges, and `to_ms` is earlier than asked for."
    )
    beams: list[int | None] = Field(description="1 broken, 0 clear before the first edge; null where nobody knows.")
    edges: list[tuple[int, int, int]] = Field(description="[at_ms, beam, blocked].")
    shows: list[tuple[int, str, str, int, int, int]] = Field(
        description="[at_ms, state, lamp, arm, arm_to, arm_by_ms]; the first may lie before the stretch."
    )
    walks: list[WalkItem]
    crossings: list[CrossingItem]
    verdicts: list[VerdictItem]


class TraceLine(BaseModel):
    """A record whose trace can be replayed."""

    device: DeviceName
    boot: Boot
    seq: Seq
    at: At
    way: WayName
    what: str
    confidence: int
    edges: int = Field(description="How many edges its trace has.")
    span_ms: int = Field(description="From the first edge to the last.")


class TraceLines(BaseModel):
    """A page of such records, the latest first."""

    items: list[TraceLine]
    next: Next


class TruthItem(BaseModel):
    """What really happened, as far as the gateway has seen it live."""

    result: str = Field(description="caught, misnamed, accused_wrongly or by_hand (somebody meddled from a page).")
    what: str | None = Field(description="What the body did; null where nobody evaded.")
    figure: str | None = Field(description="What kind of rider.")
    at: int | None = Field(description="When, epoch milliseconds.")


class TraceItem(BaseModel):
    """One recorded trace: beams and nothing else."""

    device: DeviceName
    site: str
    boot: Boot
    seq: Seq
    at: At
    way: WayName
    what: str
    confidence: int
    beams: int = Field(description="How many the gate has, as far as is known.")
    before: list[int | None] = Field(
        description="1 broken, 0 clear before the trace began; null where the gate notes no edges of that beam."
    )
    trace: list[tuple[int, int, int]] = Field(description="[ms since the first, beam, blocked].")
    span_ms: int
    whole: bool = Field(description="False where the trace is full and the passage may have gone on.")
    layout: dict[str, Any] | None = Field(description="The lane's, as it says itself now; null where it does not.")
    truth: TruthItem | None = Field(description="What really happened, while the gateway still knows.")


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _replays(request: Request) -> Replays:
    return _service(request).replays


def _layout(found: Layout | None) -> LayoutItem | None:
    if found is None or not found.beams:
        return None
    return LayoutItem(
        make=found.make,
        detector=found.detector,
        beams=[BeamPlace(x_mm=beam.x_mm, z_mm=beam.z_mm) for beam in found.beams],
        arm_mm=found.arm_mm,
        arm_height_mm=found.arm_height_mm,
        arm_clearance_mm=found.arm_clearance_mm,
        stand_mm=found.stand_mm,
        queue_mm=found.queue_mm,
        away_mm=found.away_mm,
        width_mm=found.width_mm,
    )


@contextmanager
def _told() -> Iterator[None]:
    """What can't be shown, as a problem."""
    try:
        yield
    except (UnknownRun, NoTrace) as error:
        raise HTTPException(404, str(error)) from error
    except Unreadable as error:
        raise HTTPException(409, str(error)) from error


@router.get("/runs", summary="Simulated runs that can be replayed")
def runs(request: Request) -> RunItems:
    """Of the folder that the gateway was started with (`--runs`); none without one."""
    return RunItems(
        items=[
            RunItem(run=one.name, written=one.written_ms, edges=one.edges, walks=one.walks)
            for one in _replays(request).listed()
        ]
    )


@router.get("/lanes", summary="The lanes of a run", responses=_UNREADABLE)
def lanes(request: Request, run: RunName) -> LaneItems:
    """With where their beams and arms are."""
    with _told():
        found = _replays(request).lanes(run)
    return LaneItems(
        run=run,
        from_epoch=next((one.from_epoch_ms for one in found if one.beams), None),
        items=[LaneItem(station=one.station, lane=one.lane, way=one.way, layout=_layout(one)) for one in found],
    )


@router.get("/overview", summary="A whole run at one lane", responses=_UNREADABLE)
def overview(request: Request, run: RunName, lane: LaneName, station: StationName = "") -> OverviewItem:
    """How much happened when, and where to look: accusations, right and wrong, and evasions that were missed."""
    with _told():
        found = _replays(request).overview(run, station, lane)
    layout = found.layout
    return OverviewItem(
        run=run,
        station=station,
        lane=lane,
        way="" if layout is None else layout.way,
        from_epoch=None if layout is None else layout.from_epoch_ms,
        layout=_layout(layout),
        to_ms=found.to_ms,
        bin_ms=found.bin_ms,
        edges=found.edges,
        moments=[
            Moment(
                at_ms=one.at_ms,
                match=one.match,
                what=one.what,
                confidence=one.confidence,
                outcome=one.outcome,
                rider_kind=one.rider_kind,
                behaviour=one.behaviour,
            )
            for one in found.moments
        ],
        left_out=found.left_out,
        tables=found.tables,
    )


@router.get("/stretch", summary="A stretch of a run at one lane", responses=_UNREADABLE)
def stretch(
    request: Request,
    run: RunName,
    lane: LaneName,
    since: Annotated[int, Query(alias="from", ge=0, le=MAX_INTEGER, description="From then on; virtual ms.")],
    until: Annotated[
        int, Query(alias="to", ge=0, le=MAX_INTEGER, description=f"Until then; at most {STRETCH_MAX_MS} ms later.")
    ],
    station: StationName = "",
) -> StretchItem:
    """Edges, bodies, what the gate showed and decided, and what riders really did."""
    if not 0 < until - since <= STRETCH_MAX_MS:
        raise RequestValidationError(
            [
                {
                    "loc": ("query", "to"),
                    "msg": f"a stretch ends later than it begins, and at most {STRETCH_MAX_MS} ms later",
                    "type": "value_error",
                }
            ]
        )
    with _told():
        found = _replays(request).stretch(run, station, lane, since, until)
    return _stretch_item(run, station, lane, found)


def _stretch_item(run: str, station: str, lane: str, found: Stretch) -> StretchItem:
    numbers = {one.rider: number for number, one in enumerate(found.crossings)}
    by_verdict = {(one.at_ms, one.what): one for one in found.joined if one.at_ms >= 0}
    by_rider = {one.rider: one.match for one in found.joined if one.match in ("agreed", "true", "missed", "unseen")}
    verdicts = []
    for one in found.verdicts:
        joined = by_verdict.get((one.at_ms, one.what))
        verdicts.append(
            VerdictItem(
                at_ms=one.at_ms,
                since_ms=one.since_ms,
                what=one.what,
                confidence=one.confidence,
                way=one.way,
                told_as=one.told_as,
                match=None if joined is None else joined.match,
                rider=None if joined is None else numbers.get(joined.rider),
                rider_kind="" if joined is None else joined.rider_kind,
                outcome="" if joined is None else joined.outcome,
            )
        )
    return StretchItem(
        run=run,
        station=station,
        lane=lane,
        from_ms=found.from_ms,
        to_ms=found.to_ms,
        whole=found.whole,
        beams=found.beams,
        edges=[(one.at_ms, one.beam, one.blocked) for one in found.edges],
        shows=[(one.at_ms, one.state, one.lamp, one.arm, one.arm_to, one.arm_by_ms) for one in found.shows],
        walks=[_walk_item(one, numbers.get(one.rider)) for one in found.walks],
        crossings=[
            CrossingItem(
                way=one.way,
                rider_kind=one.rider_kind,
                behaviour=one.behaviour,
                outcome=one.outcome,
                honest=one.honest,
                reader_ms=one.reader_ms,
                tapped_ms=one.tapped_ms,
                entered_ms=one.entered_ms,
                left_ms=one.left_ms,
                all_left_ms=one.all_left_ms,
                match=by_rider.get(one.rider),
            )
            for one in found.crossings
        ],
        verdicts=verdicts,
    )


def _walk_item(one: Walk, rider: int | None) -> WalkItem:
    return WalkItem(
        rider=rider,
        kind=0 if one.medium else 1,
        reverse=one.reverse,
        since_ms=one.since_ms,
        until_ms=one.until_ms,
        parts=[(part.name, part.offset_mm, part.length_mm, part.low_mm, part.high_mm, part.core) for part in one.parts],
        raised=[(up.from_mm, up.to_mm, up.by_mm) for up in one.raised],
        points=[(point.at_ms, point.front_mm) for point in one.points],
    )


@router.get("/traces", summary="Recorded traces of emulated gates")
def recorded(
    request: Request,
    response: Response,
    device: Annotated[
        str | None, Query(max_length=32, pattern="^[a-z0-9][a-z0-9-]*$", description="Only this gate.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Rows on a page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR, description="`next` of the page before.")] = None,
) -> TraceLines:
    """Irregular records, the latest first. Physical gates have none, and never will."""
    before = None
    if cursor is not None:
        try:
            before = decode_cursor(cursor, Position)
        except ValueError:
            raise RequestValidationError(
                [{"loc": ("query", "cursor"), "msg": "take `next` of the page before", "type": "value_error"}]
            ) from None
    with _told():
        found = traces.latest(_service(request), device, limit + 1, before)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = encode_cursor(Position(last["at"], last["device"], last["boot"], last["seq"]))
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
    return TraceLines(
        items=[
            TraceLine(
                **{name: row[name] for name in ("device", "boot", "seq", "at", "way", "what", "confidence")},
                edges=len(row["trace"]),
                span_ms=row["trace"][-1][0] if row["trace"] else 0,
            )
            for row in found[:limit]
        ],
        next=following,
    )


@router.get("/trace", summary="One recorded trace")
def one_trace(
    request: Request,
    device: Device,
    boot: Annotated[int, Query(ge=1, le=MAX_INTEGER)],
    seq: Annotated[int, Query(ge=0, le=MAX_INTEGER)],
) -> TraceItem:
    """What its beams did, what the gate called it, and what really happened while the gateway still knows."""
    with _told():
        found = traces.find(_service(request), device, boot, seq)
    record = found.record
    return TraceItem(
        **{name: record[name] for name in ("device", "boot", "seq", "at", "way", "what", "confidence", "trace")},
        site=found.site,
        beams=found.beams,
        before=found.before,
        span_ms=found.span_ms,
        whole=found.whole,
        layout=found.layout,
        truth=None if found.truth is None else TruthItem(**found.truth),
    )
