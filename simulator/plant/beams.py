"""Light beams across a lane, and when walking bodies break and clear them.

A path is a list of (t_ms, front_mm) points, straight between them, at rest before the first and after the last; it
tells where a body's front is. A body covers [front - length, front], ends included, and breaks every beam it covers.

Rules: edges are worked out from the lines, in integers, never by stepping time: an edge's time is the first millisecond
at which the beam's state differs. Does not belong here: detection, and who walks or why.
"""

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[int, int]
Path = tuple[Point, ...]


def front_at(path: Path, t_ms: int) -> int:
    """Where the front is at `t_ms`, in whole millimetres (rounded down)."""
    if t_ms <= path[0][0]:
        return path[0][1]
    for (t0, x0), (t1, x1) in pairwise(path):
        if t_ms <= t1:
            return x0 if t1 == t0 else x0 + (x1 - x0) * (t_ms - t0) // (t1 - t0)
    return path[-1][1]


def check_path(path: Sequence[Point]) -> Path:
    """The path as a tuple; raises ValueError when it is empty or its times do not grow."""
    if not path:
        raise ValueError("a path needs at least one point")
    for (t0, _), (t1, _) in pairwise(path):
        if t1 <= t0:
            raise ValueError(f"a path's times must grow: {t1} ms after {t0} ms")
    return tuple(path)


def covered(path: Path, length_mm: int, beam_mm: int) -> list[tuple[int, int]]:
    """The spans [first_ms, last_ms], ends included, in which the body covers the beam, from the path's start on.

    A span that reaches the path's end lasts for ever; it ends at the last point's time, and `edges` gives it no end.
    """
    low, high = beam_mm, beam_mm + length_mm
    spans: list[tuple[int, int]] = []
    if len(path) == 1:
        t0, x0 = path[0]
        return [(t0, t0)] if low <= x0 <= high else []
    for (t0, x0), (t1, x1) in pairwise(path):
        dt, dx = t1 - t0, x1 - x0
        if dx == 0:
            if not low <= x0 <= high:
                continue
            first, last = t0, t1
        else:
            # low <= x0 + dx*(t - t0)/dt <= high, solved for whole t; a body that walks back meets `high` first.
            near, far = (low, high) if dx > 0 else (high, low)
            pace = abs(dx)
            first = max(t0, t0 - (-_ahead(near, x0, dx) * dt // pace))
            last = min(t1, t0 + _ahead(far, x0, dx) * dt // pace)
            if first > last:
                continue
        if spans and first <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(spans[-1][1], last))
        else:
            spans.append((first, last))
    return spans


def _ahead(target_mm: int, start_mm: int, direction: int) -> int:
    """How far it is from `start_mm` to `target_mm`, counted positive in the sense of `direction`."""
    return target_mm - start_mm if direction > 0 else start_mm - target_mm


def edges(path: Path, length_mm: int, beam_mm: int, blocked: bool = False) -> list[tuple[int, int]]:
    """The edges (t_ms, 1 blocked / 0 clear) that this body alone makes at this beam, in order.

    `blocked` is whether the body covered the beam just before the path began.
    """
    found: list[tuple[int, int]] = []
    start, end = path[0][0], path[-1][0]
    spans = covered(path, length_mm, beam_mm)
    if blocked and not (spans and spans[0][0] == start):
        found.append((start, 0))
    for first, last in spans:
        if not (blocked and first == start):
            found.append((first, 1))
        if last < end:
            found.append((last + 1, 0))
    return found


class BeamRow:
    """How many bodies cover each beam; a beam is broken while any does."""

    def __init__(self, beams: int) -> None:
        self._covering = [0] * beams

    def change(self, beam: int, blocked: int) -> bool:
        """One body begins (1) or ends (0) to cover the beam; True when that is an edge of the beam itself."""
        count = self._covering[beam] + (1 if blocked else -1)
        if count < 0:
            raise ValueError(f"beam {beam} was cleared by a body that did not break it")
        self._covering[beam] = count
        return count == blocked

    def broken(self) -> list[int]:
        """1 for each broken beam, 0 for each clear one."""
        return [1 if count else 0 for count in self._covering]

    def any_broken(self) -> bool:
        """True while any beam is broken."""
        return any(self._covering)
