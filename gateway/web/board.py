"""What the overview shows, gathered once a second for all who look.

Rules: live figures come from the live state at once; what hangs on the database is read less often, and stands while it
can't be read. Texts that pages hand to their own scripts are encoded here, once. How figures come about is figures.py's
and flow.py's, how they look is pages/overview.py's.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.live.lane import Lane
from gateway.service import Service
from gateway.store.database import StoreBusy
from gateway.store.flow import Flow
from gateway.web.access import EMULATED
from gateway.web.figures import Figures, take
from gateway.web.flow import LONGEST_MS, SPANS, per_minute, steps, window

FLOW_MS: Final = 4_000
"""How often the database is asked for the charts; less often where that takes long (:func:`pause_ms`)."""
FLOW_SHARE: Final = 50
FLOW_MAX_MS: Final = 60_000


def pause_ms(spent_s: float) -> float:
    """How long the charts stand when reading them took that much processor time: hundreds of thousands of rows take a
    while, and a page that is looked at is not to take more than a small share of a core."""
    return max(FLOW_MS, min(FLOW_MAX_MS, FLOW_SHARE * spent_s * 1_000))


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts' texts, and the figures that come of the same rows."""

    span: str = SPANS[0][1]
    """Which time they show, in words."""
    ways: str = ""
    told: str = ""
    irregular: str = ""
    entries_a_minute: float = 0.0
    exits_a_minute: float = 0.0
    irregular_ever: int = 0


@dataclass(frozen=True, slots=True)
class Board:
    """The overview at one moment."""

    figures: Figures
    charts: Charts
    layouts: str
    """JSON: gate -> its site, class, and how its lane is built, null where that isn't told. A device that is not in it
    is no gate."""
    first_lane: str
    """The lane that a newcomer is sent to: the first that is emulated and connected, "" when there is none."""


class Gatherer:
    """Makes the boards of one gateway; call it from one thread at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._flow = Flow(service.database)
        self._charts = Charts()
        self._read_ms: int | None = None
        self._every_ms: float = FLOW_MS

    def __call__(self) -> Board:
        """The board now."""
        service, now_ms = self._service, self._service.now_ms()
        if self._read_ms is None or abs(now_ms - self._read_ms) >= self._every_ms:
            self._read_ms, began_s, self._every_ms = now_ms, time.thread_time(), FLOW_MS
            with suppress(StoreBusy):
                self._charts = self._read(now_ms)
                self._every_ms = pause_ms(time.thread_time() - began_s)
        known = [service.live.lane(device.sender.device) for device in service.registry.devices()]
        lanes = [lane for lane in known if lane is not None and lane.kind == "gate"]
        going = [lane.device for lane in lanes if lane.site_class == EMULATED and lane.link == "online"]
        return Board(
            take(lanes, service.consumer.waiting, service.live.verdict(), self._silent(lanes, now_ms)),
            self._charts,
            _json({lane.device: _layout(lane) for lane in lanes}),
            going[0] if going else "",
        )

    def _silent(self, lanes: list[Lane], now_ms: int) -> set[str]:
        """From which of these that were heard nothing comes now: from none while the gateway has lost its broker."""
        if not self._service.consumer.connected:
            return {lane.device for lane in lanes if lane.link != "unknown"}
        return {lane.device for lane in lanes if self._service.live.silent_since_ms(lane.device, now_ms) is not None}

    def _read(self, now_ms: int) -> Charts:
        oldest_ms = self._flow.oldest_ms(now_ms - LONGEST_MS)
        shown = window(now_ms, oldest_ms)
        # A tally that began before the window reaches into it.
        tallies = self._flow.tallies(now_ms - LONGEST_MS)
        rows = self._flow.passages(shown.from_ms, shown.step_ms)
        found = steps(shown, rows, tallies)
        entries, exits = per_minute(rows, tallies, now_ms, oldest_ms)

        def chart(names: tuple[str, ...], counts: list[tuple[int, ...]]) -> str:
            return _json({"from_ms": shown.from_ms, "step_ms": shown.step_ms, "names": names, "rows": counts})

        return Charts(
            shown.name,
            chart(("in", "out"), [(one.entries, one.exits) for one in found]),
            chart(("recorded, with consent", "only counted"), [(one.recorded, one.tallied) for one in found]),
            chart(("irregular",), [(one.irregular,) for one in found]),
            entries,
            exits,
            self._flow.irregular(),
        )


def _layout(lane: Lane) -> dict[str, object]:
    layout = lane.layout
    built = None
    if layout is not None:
        built = {
            "way": layout.way,
            "make": layout.make,
            "beams": [x for x, _ in layout.beams],
            "arm": layout.arm[0],
            "width": layout.width_mm,
        }
    return {"site": lane.site, "class": lane.site_class, "built": built}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
