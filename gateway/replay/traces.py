"""Recorded beam traces: what an emulated gate stored of a passage that it called irregular.

Rules: a trace holds beams and nothing else, so nothing else is made of it: no body, no path. Physical gates record none
(invariant I3); who asks for one is told that. What really happened is told only while the live state still knows it:
truth is shown and never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.devices.registry import Device
from gateway.service import Service
from gateway.store.queries import Position

TRACE_MAX: Final = 32
"""Our gates keep so many edges of a body (firmware/lane/detector.py); what came later is not in the trace."""

NO_PHYSICAL: Final = (
    "{device} stands at a physical site. Its firmware has no code that could record a trace, and the gateway would "
    "refuse one: there is nothing to replay, and never will be."
)


class NoTrace(Exception):
    """There is no such trace, and the text says why."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One record. ``beams``: how many the gate has, as far as is known; ``before``: how each stood before its first
    edge, None where its gate notes no edges of that beam; ``truth``: what the live state still knows of it."""

    record: dict[str, Any]
    site: str
    beams: int
    before: list[int | None]
    span_ms: int
    whole: bool
    layout: dict[str, Any] | None
    truth: dict[str, Any] | None


def emulated(service: Service, device: str | None = None) -> list[Device]:
    """The emulated gates, or the one of that name; NoTrace for a name that isn't one."""
    gates = [one for one in service.registry.devices() if one.sender.kind == "gate"]
    if device is None:
        return [one for one in gates if one.sender.site_class == "emulated"]
    found = service.registry.by_name(device)
    if found is None:
        raise NoTrace("There is no such device; /v1/devices lists all.")
    if found.sender.site_class != "emulated":
        raise NoTrace(NO_PHYSICAL.format(device=device))
    return [found]


def latest(service: Service, device: str | None, limit: int, before: Position | None = None) -> list[dict[str, Any]]:
    """Irregular records with a trace, the latest first; NoTrace where there can be none."""
    names = [one.sender.device for one in emulated(service, device)]
    return service.queries.traces(names, limit, before)


def find(service: Service, device: str, boot: int, seq: int) -> Trace:
    """One trace with what is known besides; NoTrace."""
    [gate] = emulated(service, device)
    record = service.queries.trace(device, boot, seq)
    if record is None:
        raise NoTrace(
            f"{device} has no such record any more, or never had: traces are kept as long as the gateway's other "
            "records. /v1/replays/traces lists those that there are."
        )
    edges: list[list[int]] = record["trace"]
    layout = _layout(service, device)
    beams = max(len(layout["beams"]) if layout else 0, 1 + max((edge[1] for edge in edges), default=-1))
    noted = _noted(layout, beams, edges)
    first: dict[int, int] = {}
    for _, beam, blocked in edges:
        first.setdefault(beam, blocked)
    return Trace(
        record,
        gate.sender.site,
        beams,
        # Edges alternate, so the first says what was before. A beam that is not in the trace did not change.
        [1 - first.get(beam, 1) if beam in noted else None for beam in range(beams)],
        edges[-1][0] if edges else 0,
        len(edges) < TRACE_MAX,
        layout,
        _truth(service, device, record),
    )


def _noted(layout: dict[str, Any] | None, beams: int, edges: list[list[int]]) -> set[int]:
    """The beams whose edges are in traces: all of them, of a profile the highest row, which tells bodies apart; only
    those that have edges where nobody knows what the lane is like."""
    if layout is None:
        return {beam for _, beam, _ in edges}
    if layout["detector"] != "profile":
        return set(range(beams))
    top_mm = max(z_mm for _, z_mm in layout["beams"])
    return {beam for beam, (_, z_mm) in enumerate(layout["beams"]) if z_mm == top_mm}


def _layout(service: Service, device: str) -> dict[str, Any] | None:
    """Where its beams are, as its simulator says while it runs."""
    lane = service.live.lane(device)
    if lane is None or lane.layout is None:
        return None
    told: dict[str, Any] = msgspec.to_builtins(lane.layout)
    del told["v"]
    return told


def _truth(service: Service, device: str, record: dict[str, Any]) -> dict[str, Any] | None:
    """What the verdict has found about that record, and the outcome it belongs to, if any."""
    lane = service.live.members(device)
    if lane is None or lane["verdict"] is None:
        return None
    for match in lane["verdict"]["matches"]:
        told = match["record"]
        if told is not None and (told["boot"], told["seq"]) == (record["boot"], record["seq"]):
            outcome = match["truth"]
            return {
                "result": match["result"],
                "what": None if outcome is None else outcome["what"],
                "figure": None if outcome is None else outcome["figure"],
                "at": None if outcome is None else outcome["at"],
            }
    return None
