"""Light beams across a lane, and when walking bodies break and clear them.

A path is a list of (t_ms, front_mm) points, straight between them, at rest before the first and after the last; it
tells where a body's front is. For which positions of its front a body covers a beam, its silhouette says.

Rules: edges are worked out from the lines, in integers, never by stepping time: an edge's time is the first millisecond
at which the beam's state differs. Does not belong here: detection, and who walks or why.
"""

from collections.abc import Sequence
from itertools import pairwise

from simulator.plant.silhouette import Span

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


def covered(path: Path, low_mm: int, high_mm: int) -> list[tuple[int, int]]:
    """The spans [first_ms, last_ms], ends included, in which the front is within [low, high], from the path's start on.

    A span that reaches the path's end lasts for ever; it ends at the last point's time, and `edges` gives it no end.
    """
    spans: list[tuple[int, int]] = []
    if len(path) == 1:
        t0, x0 = path[0]
        return [(t0, t0)] if low_mm <= x0 <= high_mm else []
    for (t0, x0), (t1, x1) in pairwise(path):
        dt, dx = t1 - t0, x1 - x0
        if dx == 0:
            if not low_mm <= x0 <= high_mm:
                continue
            first, last = t0, t1
        else:
            # low <= x0 + dx*(t - t0)/dt <= high, solved for whole t; a body that walks back meets `high` first.
            near, far = (low_mm, high_mm) if dx > 0 else (high_mm, low_mm)
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


def edges(path: Path, spans: Sequence[Span], blocked: bool = False) -> list[tuple[int, int]]:
    """The edges (t_ms, 1 blocked / 0 clear) that this body alone makes at a beam that it covers while its front is in
    `spans` (mm, in order, apart), in order of time.

    `blocked` is whether the body covered the beam just before the path began.
    """
    found: list[tuple[int, int]] = []
    start, end = path[0][0], path[-1][0]
    times = covered(path, *spans[0]) if len(spans) == 1 else _joined(path, spans)
    if blocked and not (times and times[0][0] == start):
        found.append((start, 0))
    for first, last in times:
        if not (blocked and first == start):
            found.append((first, 1))
        if last < end:
            found.append((last + 1, 0))
    return found


def _joined(path: Path, spans: Sequence[Span]) -> list[tuple[int, int]]:
    times: list[tuple[int, int]] = []
    for first, last in sorted(time for span in spans for time in covered(path, *span)):
        if times and first <= times[-1][1] + 1:
            times[-1] = (times[-1][0], max(times[-1][1], last))
        else:
            times.append((first, last))
    return times


def passing(path: Path, span: Span) -> list[tuple[int, int]]:
    """`edges` of the commonest way, quickly: straight ahead from outside, one stretch of positions."""
    (t0, x0), (t1, x1) = path
    low, high = span
    if x0 > high or x1 < low:
        return []
    dt, dx = t1 - t0, x1 - x0
    first = t0 if x0 >= low else t0 - ((x0 - low) * dt // dx)
    if high >= x1:
        return [(first, 1)]
    last = t0 + (high - x0) * dt // dx
    if last < first:
        return []
    return [(first, 1), (last + 1, 0)] if last < t1 else [(first, 1)]
