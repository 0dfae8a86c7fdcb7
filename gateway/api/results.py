"""The routes of simulated runs: their scorecards, their numbers as CSV, their figures as SVG.

Rules: read only; what is read and whether it may be is decided in gateway/results. A run that can't be shown is told as
such, with what is wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.api.problems import MEDIA_TYPE, RESPONSES, known_parameters_only
from gateway.results.card import Figure, Scorecard
from gateway.results.folder import Run
from gateway.results.tables import TABLES
from gateway.service import Service
from gateway.web.plots import PLOTS, Shown, saved

router = APIRouter(prefix="/v1/runs", responses=RESPONSES, dependencies=[Depends(known_parameters_only)])

_UNREADABLE: Final[dict[int | str, dict[str, Any]]] = {
    409: {
        "description": "The run is there, and its scorecard can't be read.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

RunName = Annotated[str, Path(description="The name of a run's folder.", max_length=64)]


class RunInfo(BaseModel):
    """A run, and its figures at a glance; of one that can't be read, why."""

    run: str = Field(examples=["evening-peak"])
    written: int = Field(description="When its scorecard was written, epoch milliseconds.")
    problem: str | None = Field(description="Why its scorecard can't be shown, or null.")
    scenario: str | None
    seeds: int | None
    hours: float | None = Field(description="Of virtual time, of one seed.")
    riders: int | None
    conclusion: str | None
    false_accusations_per_10000: Figure | None
    recall: Figure | None
    precision: Figure | None


class RunList(BaseModel):
    """The runs in the folder that the gateway was started with, those written last first."""

    items: list[RunInfo]
    left_out: int = Field(description="How many more are there: beyond the 200 latest, or under a name that isn't one.")
    problem: str | None = Field(description="Why the folder can't be read, or null.")


_AT_A_GLANCE: Final = (
    "scenario",
    "seeds",
    "hours",
    "riders",
    "conclusion",
    "false_accusations_per_10000",
    "recall",
    "precision",
)


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _info(run: Run) -> RunInfo:
    told = {name: None if run.card is None else getattr(run.card, name) for name in _AT_A_GLANCE}
    return RunInfo(run=run.name, written=run.written_ms, problem=run.problem or None, **told)


def _run(request: Request, name: str) -> tuple[Run, Scorecard]:
    run = _service(request).runs.look().find(name)
    if run is None:
        raise HTTPException(404, "There is no such run; /v1/runs lists all.")
    if run.card is None:
        raise HTTPException(409, f"The scorecard.json of this run can't be shown: {run.problem}.")
    return run, run.card


@router.get("", summary="All simulated runs")
def runs(request: Request) -> RunList:
    """What `gateline simulate --out` wrote into the folder of `--runs`; without the option, none."""
    listing = _service(request).runs.look()
    return RunList(
        items=[_info(run) for run in listing.runs], left_out=listing.left_out, problem=listing.problem or None
    )


@router.get("/{run}", summary="One run's scorecard", responses=_UNREADABLE)
def run(request: Request, run: RunName) -> Scorecard:
    """How good the evidence of the run's gates was; docs/scorecard.md explains each figure."""
    return _run(request, run)[1]


@router.get(
    "/{run}/{table}.csv",
    summary="A run's numbers as CSV",
    response_class=Response,
    responses=_UNREADABLE | {200: {"content": {"text/csv": {}}, "description": f"Tables: {', '.join(TABLES)}."}},
)
def table(request: Request, run: RunName, table: str) -> Response:
    """A text that a spreadsheet would take for a formula has an apostrophe before it."""
    found, card = _run(request, run)
    if table not in TABLES:
        raise HTTPException(404, f"There is no such table; there are {', '.join(TABLES)}.")
    return _file(TABLES[table](card).csv(), "text/csv", f"{found.name}-{table}.csv")


@router.get(
    "/{run}/{plot}.svg",
    summary="A run's figure as SVG, or that of two",
    response_class=Response,
    responses=_UNREADABLE | {200: {"content": {"image/svg+xml": {}}, "description": f"Figures: {', '.join(PLOTS)}."}},
)
def plot(
    request: Request,
    run: RunName,
    plot: str,
    other: Annotated[str | None, Query(max_length=64, description="A second run, drawn beside the first.")] = None,
) -> Response:
    """It stands by itself: no font, no style and no picture from elsewhere."""
    if plot not in PLOTS:
        raise HTTPException(404, f"There is no such figure; there are {', '.join(PLOTS)}.")
    found = [_run(request, name) for name in (run, other) if name is not None]
    shown = [Shown(one.name, card) for one, card in found]
    name = f"{'-and-'.join(one.name for one in shown)}-{plot}.svg"
    return _file(saved(plot, shown), "image/svg+xml", name)


def _file(text: str, kind: str, name: str) -> Response:
    # Names are of letters, digits, dot, hyphen and underscore alone (folder.py).
    return Response(
        text,
        media_type=f"{kind}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )
