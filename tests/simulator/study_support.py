"""Rows of a study made by hand. No assertions here."""

from simulator.study.rows import Crossing, Verdict
from simulator.world import behaviours as b


def crossing(
    rider: str,
    outcome: str = b.PASSED,
    entered_ms: int = 1_000,
    left_ms: int | None = None,
    *,
    kind: str = "adult",
    lane: str = "in",
    station: str = "",
    behaviour: str = b.PAY,
    arrived_ms: int | None = None,
) -> Crossing:
    """What one rider did; who never came to the beams has `entered_ms` -1."""
    if left_ms is None:
        left_ms = entered_ms + 800 if entered_ms >= 0 else -1
    if arrived_ms is None:
        arrived_ms = max(0, entered_ms - 500) if entered_ms >= 0 else 500
    return Crossing(
        station=station,
        lane=lane,
        rider=rider,
        leader="",
        way="entry",
        rider_kind=kind,
        behaviour=behaviour,
        outcome=outcome,
        honest=outcome not in b.EVASIONS,
        consent=True,
        product="single",
        arrived_ms=arrived_ms,
        reader_ms=arrived_ms,
        tapped_ms=arrived_ms,
        entered_ms=entered_ms,
        left_ms=left_ms,
        all_left_ms=left_ms,
        taps=1,
    )


def verdict(
    what: str, at_ms: int = 1_800, since_ms: int | None = None, *, lane: str = "in", station: str = ""
) -> Verdict:
    """What the firmware decided about a body that it saw from `since_ms` to `at_ms`; 800 ms unless given."""
    if since_ms is None:
        since_ms = at_ms - 800
    return Verdict(station, lane, at_ms, since_ms, what, 95, "entry", at_ms - since_ms, "person", "")
