"""What the page of one device shows beside its row: boots, gaps, notices, and how it was in the last hours.

Rules: gathered once for all who look at that device; bounded, because the store keeps a device's gaps and notices for
long. Nothing of a rider is among it. How it is drawn doesn't belong here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from gateway.live.history import Point
from gateway.service import Service
from gateway.store.figures import Figures

GAPS_SHOWN: Final = 20
NOTICES_SHOWN: Final = 20
BOOTS_SHOWN: Final = 8
STEP_MS: Final = 10_000
"""A chart goes on in steps of this."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One device beyond its row. Lists are cut; ``gap_sums`` (state -> gaps, numbers) and ``boots_all`` count all."""

    boots: tuple[tuple[int, int], ...]
    """(boot, watermark), the latest first."""
    boots_all: int
    gap_sums: dict[str, tuple[int, int]]
    gaps: tuple[dict[str, Any], ...]
    notices: tuple[dict[str, Any], ...]
    charts: Charts


@dataclass(frozen=True, slots=True)
class Charts:
    """The last hours as static/history.js reads them: JSON, made once for all who look."""

    points: dict[str, str]
    """Of each of :data:`FIGURES`: [[epoch ms, number or null], …]."""
    silences: str
    to_ms: int
    """Where the charts end: now, in steps, so that a chart is not drawn anew each second."""


FIGURES: Final = (
    ("outbox", "Outbox", " records", "Grows while the network or the gateway is away, and empties when they are back."),
    ("heap_free", "Free memory", " kB", "Falls for good where something leaks. Not every runtime can tell."),
    ("worst_tick_ms", "Worst turn", " ms", "The slowest turn since its start: a step up is one slow turn."),
)
"""What is drawn over time: member of a point, name, unit, what to see in it."""


def charts(points: Iterable[Point], silences: Iterable[tuple[int, int | None]], now_ms: int) -> Charts:
    """The charts of a device's health and silences."""
    listed, quiet = list(points), list(silences)
    told = {}
    for member, *_ in FIGURES:
        series: list[tuple[int, int | None]] = [(one.at_ms, _drawn(member, getattr(one, member))) for one in listed]
        # Nobody knows how it was while it was silent: the line breaks there.
        series += [(since_ms, None) for since_ms, _ in quiet]
        told[member] = json.dumps(sorted(series, key=lambda one: one[0]), separators=(",", ":"))
    return Charts(told, json.dumps(quiet, separators=(",", ":")), (now_ms // STEP_MS + 1) * STEP_MS)


def _drawn(member: str, value: int) -> int | None:
    """A figure as it is drawn: memory in kilobytes, None where it can't be told."""
    if value < 0:
        return None
    return value // 1000 if member == "heap_free" else value


def gatherer(service: Service, device: str) -> Callable[[], Detail]:
    """What gathers the details of ``device``; StoreBusy while the database can't be read."""
    figures, live = Figures(service.database), service.live

    def gather() -> Detail:
        now_ms = service.now_ms()
        boots = [(row["boot"], row["watermark"]) for row in service.queries.boots(device)]
        return Detail(
            tuple(reversed(boots[-BOOTS_SHOWN:])),
            len(boots),
            figures.gap_sums(device),
            tuple(figures.latest_gaps(device, GAPS_SHOWN)),
            tuple(figures.latest_notices(device, NOTICES_SHOWN)),
            charts(live.health_history(device), live.silences(device, now_ms), now_ms),
        )

    return gather
