"""One lane as the pages see it: what its device last said, the latest scene, and what has just happened there.

Rules: every list is bounded. What a scene repeats (so that a lost one loses nothing) is taken once. None of it goes to
the database. Records that were stored stand here without handle; what riders have erased is not shown any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from gateway.admission.rules import Admitted, DeviceKind, SiteClass
from gateway.live.history import DeviceHistory
from gateway.live.standing import AWAY_MS, Standing
from gateway.live.verdict import Verdict
from gateway.protocol.records import Health, Irregular, Notice, Passage, Tally
from gateway.protocol.refusal import Reason
from gateway.protocol.scenes import Layout, Scene

EDGES_KEPT: Final = 256
EDGES_TOLD_MS: Final = 12_000
OUTCOMES_KEPT: Final = 64
RECORDS_KEPT: Final = 32
IRREGULAR_KEPT: Final = 16
"""Of the records kept, so many irregular ones stay although others have come since."""
ANEW_MS: Final = 10_000
"""A scene that is so much older than the one before is of a simulator that was started anew, with a clock of its own:
a station that runs faster than time leaves its clock in the future."""
_SHOWN: Final = (Passage, Irregular, Notice, Tally)
_HIDDEN: Final = ("handle", "folds")

LinkState = Literal["unknown", "online", "lost"]


@dataclass(slots=True)
class LaneCounts:
    """What is stored of one device: riders by way; ``recorded`` have consented, ``tallied`` were only counted."""

    entries: int = 0
    exits: int = 0
    recorded: int = 0
    tallied: int = 0

    def shown(self) -> dict[str, int]:
        """The counts as pages read them."""
        return {
            "entries": self.entries,
            "exits": self.exits,
            "recorded": self.recorded,
            "tallied": self.tallied,
        }

    def add(self, record: object) -> None:
        """Add one stored record, if it counts riders."""
        if isinstance(record, Passage):
            self.entries += record.way == "entry"
            self.exits += record.way == "exit"
            self.recorded += 1
        elif isinstance(record, Tally):
            self.entries += record.entries
            self.exits += record.exits
            self.tallied += record.entries + record.exits


@dataclass(slots=True)
class Lane:
    """All that is known now of one device."""

    site: str
    device: str
    site_class: SiteClass = "physical"
    kind: DeviceKind = "gate"
    link: LinkState = "unknown"
    boot: int | None = None
    firmware: str | None = None
    health: Health | None = None
    layout: Layout | None = None
    scene: Scene | None = None
    seen_ms: int | None = None
    """When the last scene came, by the monotonic clock; its own time is the simulator's."""
    version: int = 0
    """Changes whenever anything that :meth:`members` gives has changed; whoever changes it counts."""
    counts: LaneCounts = field(default_factory=LaneCounts)
    blocked: Reason | None = None
    """Why its last authentic batch was refused, until one of its records is stored again."""
    refused: int = 0
    """Authentic batches refused since the gateway's start."""
    edges: deque[dict[str, int]] = field(default_factory=lambda: deque(maxlen=EDGES_KEPT))
    """What the firmware was told of its beams: n, at, beam, blocked."""
    truth: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=OUTCOMES_KEPT))
    """What bodies did: n, at, what, way, figure, hand."""
    records: list[dict[str, Any]] = field(default_factory=list)
    """What was stored last, oldest first, irregular passages longer than others: kind, boot, seq, and the record's own
    members but the handle."""

    history: DeviceHistory = field(default_factory=DeviceHistory)
    standing: Standing = field(default_factory=Standing)
    """Whether it stands blocked, as its scenes show it."""
    verdict: Verdict | None = None
    """What the gate reported beside what really happened, since the first scene."""

    def shown(self, now_ms: int) -> bool:
        """Whether a simulator shows the lane now, and so would take orders; ``now_ms`` by the monotonic clock."""
        return self.layout is not None and self.seen_ms is not None and now_ms - self.seen_ms <= AWAY_MS

    def see(self, scene: Scene) -> None:
        """Show this scene, and keep what happened since the one before."""
        if self.scene is not None and scene.at < self.scene.at - ANEW_MS:
            self.edges.clear()
            self.truth.clear()
            self.verdict = None
        self.scene = scene
        if self.verdict is None:
            self.verdict = Verdict(scene.at)
        # A cut network changes when the gate is heard, not what it says.
        self.verdict.meddled(scene.at, any(hand != "network" for hand in scene.hands))
        last = _last(self.edges)
        for n, ago_ms, beam, blocked in scene.edges:
            # A device that was switched off and on counts anew, but its time goes on.
            if (scene.at - ago_ms, n) > last:
                self.edges.append({"n": n, "at": scene.at - ago_ms, "beam": beam, "blocked": blocked})
        last = _last(self.truth)
        for n, ago_ms, what, way, figure, hand in scene.truth:
            at = scene.at - ago_ms
            if (at, n) > last:
                self.truth.append({"n": n, "at": at, "what": what, "way": way, "figure": figure, "hand": hand})
                self.verdict.happened(n, at, what, figure, hand)

    def keep(self, row: Admitted, *, passages: bool = True) -> None:
        """Keep what was stored, as far as it is shown; without ``passages`` none of these."""
        record = row.record
        if self.verdict is not None and isinstance(record, Irregular):
            self.verdict.reported(record.at, record.what, record.confidence, row.boot, row.seq)
        if isinstance(record, _SHOWN) and (passages or not isinstance(record, Passage)):
            told = msgspec.to_builtins(record)
            shown = {name: value for name, value in told.items() if name not in _HIDDEN}
            self.records.append({"kind": told["kind"], "boot": row.boot, "seq": row.seq} | shown)
            if len(self.records) > RECORDS_KEPT:
                self._drop_one()

    def _drop_one(self) -> None:
        """Drop the oldest record; one of an irregular passage only when there are more of these than are kept."""
        irregular = sum(one["kind"] == "irregular" for one in self.records)
        for place, one in enumerate(self.records):
            if one["kind"] != "irregular" or irregular > IRREGULAR_KEPT:
                del self.records[place]
                return

    def forget_passages(self, kept_ms: tuple[int, int] | None) -> None:
        """Some of the lane's passages are gone: those outside of [from, to] that have expired, or with None those that
        riders have erased; which these were, nobody is told, so none is shown any more."""
        begin, end = kept_ms or (1, 0)
        kept = [one for one in self.records if one["kind"] != "passage" or begin <= one["at"] <= end]
        self.records.clear()
        self.records.extend(kept)

    def _latest_edges(self) -> list[dict[str, int]]:
        """Those of the last EDGES_TOLD_MS: a page that draws them needs no more, ten times a second."""
        since = 0 if self.scene is None else self.scene.at - EDGES_TOLD_MS
        return [edge for edge in self.edges if edge["at"] >= since]

    def members(self) -> dict[str, Any]:
        """All of the lane, as its own page reads it (docs/protocol.md has the scene's form)."""
        return {
            "site": self.site,
            "device": self.device,
            "class": self.site_class,
            "link": self.link,
            "layout": self.layout,
            "scene": self.scene,
            "edges": self._latest_edges(),
            "truth": list(self.truth),
            "records": list(self.records),
            "verdict": None if self.verdict is None or self.scene is None else self.verdict.told(self.scene.at),
            "counts": self.counts.shown(),
            "waiting_records": None if self.health is None else self.health.outbox,
        }

    def as_json(self) -> dict[str, Any]:
        """The lane in short, as the plan reads it."""
        scene = self.scene
        return {
            "site": self.site,
            "device": self.device,
            "kind": self.kind,
            "class": self.site_class,
            "way": None if self.layout is None else self.layout.way,
            "link": self.link,
            "counts": self.counts.shown(),
            "scene": None
            if scene is None
            else {
                "at": scene.at,
                "state": scene.state,
                "arm": scene.arm,
                "lamp": scene.lamp,
                "beams": scene.beams,
                "waiting": scene.waiting,
                "bodies": [
                    [one[0], one[1], max((part[1] + part[2] for part in one[5]), default=0), one[2], one[3]]
                    for one in scene.bodies
                ],
            },
        }


def _last(kept: deque[dict[str, Any]]) -> tuple[int, int]:
    """Time and number of what was kept last."""
    return (kept[-1]["at"], kept[-1]["n"]) if kept else (-1, -1)
