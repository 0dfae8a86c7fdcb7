"""Whether an emulated gate stands blocked: a lane that doesn't get free again, or an arm that doesn't move.

Pure: scenes come with `now_ms`, by the gateway's clock (epoch milliseconds). A normal passage is over within seconds,
so only what lasts for BLOCKED_MS needs a hand. What was not seen for AWAY_MS is not known, and begins anew. A physical
gate has no scene: it tells of itself by notices (`fault`), which are looked at elsewhere. How it is worded doesn't
belong here (gateway/web/device_rows.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.protocol.scenes import Scene

BLOCKED_MS: Final = 60_000
"""So long a lane may be busy, or an arm stand still, before somebody should look."""
AWAY_MS: Final = 5_000
"""A simulator whose last scene came longer ago is not there: it says one a second at least, of each lane."""
SLOW_MS: Final = 3_000
"""So long an arm may take to get where its turnstile wants it; the slowest make takes less than one second."""

BUSY: Final = ("passing", "clearing", "intrusion")
"""States that end only when the lane is empty: until then no pass is taken (docs/turnstile.md)."""
OPEN: Final = ("released", "passing", "clearing", "free")
CLOSED: Final = ("locked", "refusing", "intrusion")
THROUGH: Final = ("passed", "passed_free")


@dataclass(frozen=True, slots=True)
class Blocked:
    """What stands still: the lane or its arm, since when (epoch ms), and what an operator sees there."""

    what: Literal["lane", "arm"]
    since_ms: int
    state: str
    waiting: int
    by_hand: tuple[str, ...]
    """What somebody holds from a page that may be the cause: `arm`, or beams (`beam 2`)."""


class Standing:
    """One lane."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._seen_ms = 0
        self._busy_ms: int | None = None
        self._through: tuple[int, int] = (0, 0)
        """Time and number of the last outcome that was looked at."""
        self._held_ms: int | None = None
        """Since when a page jams the arm."""
        self._apart_ms: int | None = None
        """Since when the arm has not been where it should be."""
        self._stuck_ms: int | None = None
        """Since when it has stood still although it should have moved; until it moves."""

    def see(self, now_ms: int, scene: Scene, *, has_arm: bool = True) -> None:
        """A scene that has just come."""
        before = self._scene
        if before is None or not 0 <= now_ms - self._seen_ms <= AWAY_MS:
            self._busy_ms = self._held_ms = self._apart_ms = self._stuck_ms = before = None
            self._through = (0, 0)
        self._scene, self._seen_ms = scene, now_ms
        # A lane that runs faster than time may look busy in each scene; whoever got through tells that it isn't stuck.
        got_through = self._anybody_through(scene)
        if scene.state not in BUSY:
            self._busy_ms = None
        elif self._busy_ms is None or got_through:
            self._busy_ms = now_ms
        self._held_ms = (self._held_ms or now_ms) if "arm" in scene.hands else None
        self._see_arm(now_ms, scene, before, has_arm)

    def _anybody_through(self, scene: Scene) -> bool:
        newest, found = self._through, False
        for n, ago_ms, what, *_ in scene.truth:
            key = (scene.at - ago_ms, n)
            if key > self._through:
                newest, found = max(newest, key), found or what in THROUGH
        self._through = newest
        return found

    def _see_arm(self, now_ms: int, scene: Scene, before: Scene | None, has_arm: bool) -> None:
        freed = before is not None and "arm" in before.hands and "arm" not in scene.hands
        if not has_arm or freed or (before is not None and before.arm != scene.arm):
            self._apart_ms = self._stuck_ms = None
        wanted = 100 if scene.state in OPEN else 0 if scene.state in CLOSED else scene.arm
        # A body in the beams may hold an arm open: that is what its sensors are for.
        if not has_arm or scene.arm == wanted or (wanted == 0 and any(scene.beams)):
            self._apart_ms = None
        elif self._apart_ms is None:
            self._apart_ms = now_ms
        elif self._stuck_ms is None and now_ms - self._apart_ms >= SLOW_MS:
            self._stuck_ms = self._apart_ms

    def blocked(self, now_ms: int) -> tuple[Blocked, ...]:
        """What has stood still for too long, the arm first; nothing while no simulator speaks."""
        scene = self._scene
        if scene is None or now_ms - self._seen_ms > AWAY_MS:
            return ()
        beams = tuple(hand for hand in scene.hands if hand.startswith("beam "))
        arm_ms = min((at for at in (self._held_ms, self._stuck_ms) if at is not None), default=None)
        held: tuple[str, ...] = ("arm",) if self._held_ms is not None else ()
        found: list[Blocked] = []
        if arm_ms is not None and now_ms - arm_ms >= BLOCKED_MS:
            found.append(Blocked("arm", arm_ms, scene.state, scene.waiting, held))
        if self._busy_ms is not None and now_ms - self._busy_ms >= BLOCKED_MS:
            found.append(Blocked("lane", self._busy_ms, scene.state, scene.waiting, beams))
        return tuple(found)
