"""One lane's hardware: beams, arm, reader, lamp, power. The device drives it by `apply` and hears it by `post`.

Millimetres count along the lane in its own direction: beam 0 is at 0, riders wait before it with their fronts below 0.

Rules: what the device sees is posted in order, at the virtual millisecond it happens. The world may look first: a
body's `watch` is called before its edge is posted (that is where the truth is written). Outputs take effect by a
scheduled callback, never inside `apply`, so a device may answer from within `post`. An arm never closes on a body.

Does not belong here: riders' minds (simulator/world/traffic.py), detection and decisions (firmware).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, TypedDict

from simulator.clock import Scheduler, Timer
from simulator.plant import beams
from simulator.plant.arm import PADDLE, Arm, ArmKind

# The board seam's numbers (see firmware/boards/board.py; a test compares them).
BEAM, MEDIUM, FIRE = 1, 2, 3
ARM_LOCKED, ARM_RELEASED, ARM_FREE = 0, 1, 2
LAMP_WAIT, LAMP_READY, LAMP_GO, LAMP_STOP = 0, 1, 2, 3
LAMP_DARK = -1
LAMP_NAMES = {LAMP_WAIT: "wait", LAMP_READY: "ready", LAMP_GO: "go", LAMP_STOP: "stop", LAMP_DARK: "wait"}

PAYING, WITHOUT_MEDIUM = 0, 1
BODIES_SHOWN = 16

Post = Callable[[int, int, int | bytes, int], None]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where things are, in mm. Every body is longer than the gap between beams, so none hides between two."""

    beams_mm: tuple[int, ...] = (0, 150, 300, 450)
    arm_mm: int = 225
    stand_mm: int = -300
    queue_mm: int = -1000
    away_mm: int = 1000

    def __post_init__(self) -> None:
        if len(self.beams_mm) < 2 or self.beams_mm[0] != 0 or list(self.beams_mm) != sorted(set(self.beams_mm)):
            raise ValueError("a lane needs two beams or more, the first at 0 mm, each further than the one before")
        if not self.queue_mm < self.stand_mm < 0 < self.arm_mm < self.last_mm < self.away_mm:
            raise ValueError("a lane needs queue < stand < 0 < arm < last beam < away, in mm")

    @property
    def last_mm(self) -> int:
        """Where the last beam is."""
        return self.beams_mm[-1]


class Watch(Protocol):
    """Told of a body's edge before any device is."""

    def __call__(self, t_ms: int, beam: int, blocked: int, /) -> None: ...


class Listener(Protocol):
    """Whoever stands before the lane and looks at it."""

    def outputs_changed(self, t_ms: int) -> None:
        """Lamp, arm command or power are other than before."""

    def arm_closing(self, t_ms: int) -> None:
        """The arm begins to close; nobody is in its way."""

    def events_lost(self, t_ms: int, taken_until_ms: int) -> None:
        """The device died and may have lost what was posted after `taken_until_ms`."""


class Scene(TypedDict):
    """What an eye would see; `at` in virtual ms."""

    at: int
    arm: int
    lamp: str
    beams: list[int]
    bodies: list[list[int]]


@dataclass(eq=False, slots=True)
class Body:
    """A body in the lane: its length, its way through time, and whom to tell of its edges."""

    length_mm: int
    kind: int
    path: beams.Path
    watch: Watch
    covers: list[bool] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)

    def front_at(self, t_ms: int) -> int:
        """Where the front is, in mm."""
        return beams.front_at(self.path, t_ms)


class LanePlant:
    """The hardware of one lane. `way` is "entry" or "exit"; until `power(True)` it is dark and locked."""

    def __init__(
        self,
        scheduler: Scheduler,
        geometry: Geometry | None = None,
        post: Post | None = None,
        *,
        name: str = "gate-1",
        way: str = "entry",
        arm: ArmKind = PADDLE,
    ) -> None:
        if way not in ("entry", "exit"):
            raise ValueError(f'a lane\'s way is "entry" or "exit", not {way!r}')
        self.name = name
        self.way = way
        self.geometry = geometry or Geometry()
        self.post = post
        self.powered = False
        self.session = 0
        self.lamp = LAMP_DARK
        self.sound = 0
        self.command = ARM_LOCKED
        self.arm = Arm(arm)
        self.fire_on = False
        self.listener: Listener | None = None
        self._scheduler = scheduler
        # The arm itself is watched like a beam, but its edges are posted to nobody.
        self._positions_mm = (*self.geometry.beams_mm, self.geometry.arm_mm)
        self._row = beams.BeamRow(len(self._positions_mm))
        self._bodies: list[Body] = []

    # --- the device's side -------------------------------------------------------------------------------------------

    def apply(self, t_ms: int, arm: int, lamp: int, sound: int) -> None:
        """The device's outputs as of `t_ms`; what comes late takes effect now. Ignored when the power goes before."""
        if arm not in (ARM_LOCKED, ARM_RELEASED, ARM_FREE) or lamp not in (LAMP_WAIT, LAMP_READY, LAMP_GO, LAMP_STOP):
            raise ValueError(f"lane {self.name} knows no outputs arm={arm} lamp={lamp}")
        session = self.session
        at_ms = max(t_ms, self._scheduler.now_ms)
        self._scheduler.at(at_ms, lambda: self._effect(session, arm, lamp, sound))

    def power(self, on: bool, taken_until_ms: int | None = None) -> None:
        """The device comes up (locked, waiting; told of fire and of broken beams) or dies (dark; the arm locks).

        When it dies, `taken_until_ms` is the virtual time up to which it is known to have dealt for good with what was
        posted; what riders decided later is corrected to `unobserved` in the truth. None: it has dealt with all.
        """
        if on == self.powered:
            return
        now_ms = self._scheduler.now_ms
        self.powered = on
        self.lamp, self.command, self.sound = (LAMP_WAIT if on else LAMP_DARK), ARM_LOCKED, 0
        if on:
            self.session += 1
            if self.fire_on:
                self._send(now_ms, FIRE, 1, 0)
            for beam, broken in enumerate(self._row.broken()[:-1]):
                if broken:
                    self._send(now_ms, BEAM, beam, 1)
        elif taken_until_ms is not None and self.listener is not None:
            self.listener.events_lost(now_ms, taken_until_ms)
        self._drive(now_ms)
        self._tell(now_ms)

    def snapshot(self, t_ms: int) -> Scene:
        """The lane at `t_ms`, which must be now (or a little later, while nothing is due in between)."""
        shown = self._bodies[:BODIES_SHOWN]
        return {
            "at": t_ms,
            "arm": self.arm.position(t_ms),
            "lamp": LAMP_NAMES[self.lamp],
            "beams": self._row.broken()[:-1],
            "bodies": [[body.front_at(t_ms), body.length_mm, body.kind] for body in shown],
        }

    # --- the world's side --------------------------------------------------------------------------------------------

    def fire(self, on: bool) -> None:
        """The fire contact closes (all may pass) or opens again."""
        if on != self.fire_on:
            self.fire_on = on
            self._send(self._scheduler.now_ms, FIRE, int(on), 0)

    def present(self, medium: bytes) -> None:
        """The reader has read a medium."""
        self._send(self._scheduler.now_ms, MEDIUM, medium, 0)

    @property
    def free(self) -> bool:
        """True while the device lets everybody pass."""
        return self.command == ARM_FREE

    def passable_at(self) -> int | None:
        """When a rider may walk through (ms, now or later), or None while the device keeps the arm closed."""
        if self.command == ARM_LOCKED:
            return None
        return self.arm.passable_at(self._scheduler.now_ms)

    def bodies(self) -> list[Body]:
        """All bodies, first come first."""
        return list(self._bodies)

    def add(self, length_mm: int, kind: int, path: list[beams.Point], watch: Watch) -> Body:
        """A body that walks `path` from its first point on, which must be now and before the first beam."""
        widest_mm = max(b - a for a, b in pairwise(self.geometry.beams_mm))
        if length_mm <= widest_mm:
            raise ValueError(f"a body of {length_mm} mm could hide between beams {widest_mm} mm apart")
        body = Body(length_mm, kind, beams.check_path(path), watch, [False] * len(self._positions_mm))
        self._bodies.append(body)
        self.walk(body, path)
        return body

    def walk(self, body: Body, path: list[beams.Point]) -> None:
        """Give the body a new way from now on; what was planned before is dropped."""
        for timer in body.timers:
            timer.cancel()
        body.path = beams.check_path(path)
        # Of edges in the same millisecond those that break come first: a body is never between beams, seen by none.
        planned = sorted(
            (at_ms, 1 - blocked, index)
            for index, position_mm in enumerate(self._positions_mm)
            for at_ms, blocked in beams.edges(body.path, body.length_mm, position_mm, body.covers[index])
        )
        body.timers = [self._plan(body, at_ms, index, 1 - clear) for at_ms, clear, index in planned]

    def remove(self, body: Body) -> None:
        """The body has left; raises ValueError while it still covers a beam."""
        if any(body.covers):
            raise ValueError(f"a body at {body.front_at(self._scheduler.now_ms)} mm cannot vanish from a broken beam")
        for timer in body.timers:
            timer.cancel()
        self._bodies.remove(body)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _plan(self, body: Body, at_ms: int, index: int, blocked: int) -> Timer:
        return self._scheduler.at(at_ms, lambda: self._edge(body, index, blocked))

    def _edge(self, body: Body, index: int, blocked: int) -> None:
        now_ms = self._scheduler.now_ms
        body.covers[index] = bool(blocked)
        changed = self._row.change(index, blocked)
        if index < len(self.geometry.beams_mm):
            body.watch(now_ms, index, blocked)
            if changed:
                self._send(now_ms, BEAM, index, blocked)
        if changed and not blocked:
            self._drive(now_ms)

    def _send(self, t_ms: int, kind: int, a: int | bytes, b: int) -> None:
        if self.powered and self.post is not None:
            self.post(t_ms, kind, a, b)

    def _effect(self, session: int, arm: int, lamp: int, sound: int) -> None:
        if not self.powered or session != self.session:
            return
        changed = (arm, lamp) != (self.command, self.lamp)
        self.command, self.lamp, self.sound = arm, lamp, sound
        now_ms = self._scheduler.now_ms
        self._drive(now_ms)
        if changed:
            self._tell(now_ms)

    def _drive(self, t_ms: int) -> None:
        """Move the arm to where the device wants it, unless somebody is in its way."""
        if self.command != ARM_LOCKED:
            self.arm.open(t_ms)
        elif self.arm.opening and not self._held():
            self.arm.close(t_ms)
            if self.listener is not None:
                self.listener.arm_closing(t_ms)

    def _held(self) -> bool:
        if self.arm.kind.holds_for_lane:
            return self._row.any_broken()
        return bool(self._row.broken()[-1])

    def _tell(self, t_ms: int) -> None:
        if self.listener is not None:
            self.listener.outputs_changed(t_ms)
