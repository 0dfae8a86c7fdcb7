"""One lane's hardware: beams, arm, reader, lamp, power. The device drives it by `apply` and hears it by `post`.

Millimetres count along the lane in its own direction: the first beam is at 0, riders wait before it with their fronts
below 0. Heights count from the floor.

Rules: what the device sees is posted in order, at the virtual millisecond it happens. The world may look first: a
body's `watch` is called before any edge of that millisecond is posted (that is where the truth is written), whatever
the beams make of the body. Outputs take effect by a scheduled callback, never inside `apply`, so a device may answer
from within `post`. An arm never closes on a body that its sensors see; what it does to one that they miss is counted.

A body's edges are worked out once for each stretch of its way, and only the next of them is scheduled: a station has as
many callbacks waiting as bodies, not as beams times bodies.

Does not belong here: riders' minds (simulator/world/traffic.py), detection and decisions (firmware).
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypedDict

from simulator.clock import Scheduler, Timer, rng
from simulator.plant import beams, faults
from simulator.plant.arm import Arm
from simulator.plant.channel import IDEAL, Channel, Noise
from simulator.plant.geometry import Geometry
from simulator.plant.makes import NONE, PADDLE, REOPEN, ArmKind
from simulator.plant.silhouette import Lift, Shape, Span, front_spans

# The board seam's numbers (see firmware/boards/board.py; a test compares them).
BEAM, MEDIUM, FIRE = 1, 2, 3
ARM_LOCKED, ARM_RELEASED, ARM_FREE = 0, 1, 2
LAMP_WAIT, LAMP_READY, LAMP_GO, LAMP_STOP = 0, 1, 2, 3
LAMP_DARK = -1
LAMP_NAMES = {LAMP_WAIT: "wait", LAMP_READY: "ready", LAMP_GO: "go", LAMP_STOP: "stop", LAMP_DARK: "wait"}

PAYING, WITHOUT_MEDIUM = 0, 1
BODIES_SHOWN = 16

# Marks of a body, as its `watch` is told of them.
ENTERED = 1  # the person has reached the first beam (for who walks against the lane: the last)
LEFT = 2  # the person is wholly past the beams, by the far side
RETURNED = 3  # ... or back out by the near one
ALL_LEFT = 4  # so is everything the person has along

Post = Callable[[int, int, int | bytes, int], None]


class Watch(Protocol):
    """Told of a body's marks before any device hears of an edge of that moment."""

    def __call__(self, t_ms: int, mark: int, /) -> None: ...


class Listener(Protocol):
    """Whoever stands before the lane and looks at it."""

    def outputs_changed(self, t_ms: int) -> None:
        """Lamp, arm command or power are other than before."""

    def arm_closing(self, t_ms: int) -> None:
        """The arm begins to close; its sensors see nobody in its way."""

    def events_lost(self, t_ms: int, taken_until_ms: int) -> None:
        """The device died and may have lost what was posted after `taken_until_ms`."""


class Film(Protocol):
    """Whoever keeps what was to be seen at the lane (simulator/study/film.py). It changes nothing."""

    def walks(self, body: "Body", /) -> None:
        """The body has been given a way, its first or another, which begins now."""

    def gone(self, t_ms: int, body: "Body", /) -> None:
        """The body is no longer in the lane."""

    def turned(self, t_ms: int, /) -> None:
        """Lamp, power or the arm's movement are other than before."""


class Scene(TypedDict):
    """What an eye would see; `at` in virtual ms."""

    at: int
    arm: int
    lamp: str
    beams: list[int]
    bodies: list[list[int]]


Item = tuple[int, int, int, int]
"""(t_ms, order within the millisecond, what is covered, 1 from now on | 0 no more)"""


class Body:
    """A body in the lane: its shape, its way through time, and whom to tell of its marks."""

    __slots__ = (
        "covers",
        "due",
        "items",
        "kind",
        "lifts",
        "nearest_mm",
        "next",
        "number",
        "path",
        "reverse",
        "shape",
        "spans",
        "timer",
        "watch",
        "who",
    )

    def __init__(
        self,
        shape: Shape,
        kind: int,
        path: beams.Path,
        watch: Watch,
        reverse: bool,
        lifts: tuple[Lift, ...],
        who: str = "",
    ) -> None:
        self.who = who  # whose body it is, for a film; no device sees it
        self.shape = shape
        self.kind = kind
        self.path = path
        self.watch = watch
        self.reverse = reverse
        self.lifts = lifts
        self.spans: tuple[tuple[Span, ...], ...] = ()
        self.nearest_mm = 0  # the smallest position of the front at which anything is covered
        self.covers: list[int] = []
        self.items: list[Item] = []
        self.next = 0
        self.number = 0  # among the bodies of its lane, from 1
        self.timer: Timer | None = None
        self.due: Callable[[], None] = _nothing

    def front_at(self, t_ms: int) -> int:
        """Where the front is, in mm."""
        return beams.front_at(self.path, t_ms)


def _nothing() -> None:
    """What a body without a way does."""


def _unwatched(t_ms: int, mark: int, /) -> None:
    """Who is told of a body that has left."""


# Positions of the front by shape, for each geometry: equal lanes share them.
Covered = tuple[tuple[tuple[Span, ...], ...], int]
_SPANS: dict[tuple[Geometry, int], dict[tuple[Shape, tuple[Lift, ...], bool], Covered]] = {}
_SPANS_MAX = 20_000


class LanePlant:
    """The hardware of one lane. `way` is "entry" or "exit"; until `power(True)` it is dark and locked.

    `misread` is the share of presentations that the reader does not read. What happens by chance belongs to `seed` and
    `identity` (the lane's name unless given). `on_power` and `on_network` are told when a fault cuts (False) or
    restores (True) the device's power or network.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        geometry: Geometry | None = None,
        post: Post | None = None,
        *,
        name: str = "gate-1",
        way: str = "entry",
        arm: ArmKind = PADDLE,
        noise: Noise = IDEAL,
        misread: float = 0.0,
        reader_delay_ms: int = 0,
        breaks: faults.Faults | None = None,
        seed: int = 0,
        identity: str = "",
    ) -> None:
        if way not in ("entry", "exit"):
            raise ValueError(f'a lane\'s way is "entry" or "exit", not {way!r}')
        if not 0.0 <= misread < 1.0:
            raise ValueError(f"the share of misreads lies from 0 to below 1, not {misread}")
        if reader_delay_ms < 0:
            raise ValueError(f"a reader takes no less than the tap itself, not {reader_delay_ms} ms more")
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
        self.contacts = 0  # how often the closing arm met a body
        self.contact_j = 0.0  # the energy of all that, in joules
        self.listener: Listener | None = None
        self.film: Film | None = None
        self.on_power: Callable[[bool], None] | None = None
        self.on_network: Callable[[bool], None] | None = None
        self._scheduler = scheduler
        self._seed, self._identity = seed, identity or name
        self._beams = len(self.geometry.beams)
        # What can be covered: each beam, then the arm, the person's stretch between the beams, and everything's.
        self._arm, self._core, self._all = self._beams, self._beams + 1, self._beams + 2
        self._covering = [0] * (self._beams + 3)
        self._broken = 0  # beams that are physically broken
        self._bodies: list[Body] = []
        self._numbered = 0
        self._misalignment_mm = noise.misalignment_mm
        self._known = _SPANS.setdefault((self.geometry, noise.misalignment_mm), {})
        self.reader_delay_ms = reader_delay_ms  # how much longer than usual a medium must be held to it
        self._misread = misread
        self._reader = self._generator("reader") if misread else None
        self._reader_dead = False
        self._pushed_until_ms = -1
        self._channel: Channel | None = None
        if not noise.ideal or breaks is not None:
            self._channel = Channel(scheduler, noise, self._beams, self._generator, self._heard)
        if breaks is not None:
            faults.plan(scheduler, breaks, self, self._beams, self._generator)

    def _generator(self, *names: Any) -> random.Random:
        return rng(self._seed, "plant", self._identity, *names)

    # --- the device's side -------------------------------------------------------------------------------------------

    def apply(self, t_ms: int, arm: int, lamp: int, sound: int) -> None:
        """The device's outputs as of `t_ms`; what comes late takes effect now. Ignored when the power goes before."""
        if arm not in (ARM_LOCKED, ARM_RELEASED, ARM_FREE) or lamp not in (LAMP_WAIT, LAMP_READY, LAMP_GO, LAMP_STOP):
            raise ValueError(f"lane {self.name} knows no outputs arm={arm} lamp={lamp}")
        at_ms = max(t_ms, self._scheduler.now_ms)
        self._scheduler.at(at_ms, partial(self._effect, self.session, arm, lamp, sound))

    def power(self, on: bool, taken_until_ms: int | None = None) -> None:
        """The device comes up (locked, waiting; `announce` when it has booted) or dies (dark; the arm locks).

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
        elif taken_until_ms is not None and self.listener is not None:
            self.listener.events_lost(now_ms, taken_until_ms)
        self._drive(now_ms)
        self._tell(now_ms)

    def announce(self) -> None:
        """Tell the device, which has just booted, of fire and of the beams that are broken already."""
        now_ms = self._scheduler.now_ms
        if self.fire_on:
            self._send(now_ms, FIRE, 1, 0)
        for beam, broken in enumerate(self.broken()):
            if broken:
                self._send(now_ms, BEAM, beam, 1)

    def snapshot(self, t_ms: int) -> Scene:
        """The lane at `t_ms`, which must be now (or a little later, while nothing is due in between)."""
        shown = self._bodies[:BODIES_SHOWN]
        return {
            "at": t_ms,
            "arm": self.arm.position(t_ms),
            "lamp": LAMP_NAMES[self.lamp],
            "beams": self.broken(),
            "bodies": [[body.front_at(t_ms), body.shape.rear_mm, body.kind] for body in shown],
        }

    def broken(self) -> list[int]:
        """1 for each beam that the device hears of as broken, 0 for each clear one."""
        if self._channel is not None:
            return self._channel.heard()
        return [1 if count else 0 for count in self._covering[: self._beams]]

    # --- the world's side --------------------------------------------------------------------------------------------

    def fire(self, on: bool) -> None:
        """The fire contact closes (all may pass) or opens again."""
        if on != self.fire_on:
            self.fire_on = on
            self._send(self._scheduler.now_ms, FIRE, int(on), 0)

    def present(self, medium: bytes) -> bool:
        """A medium is held to the reader. False when it was misread, and its owner hears the buzz and tries again."""
        if self._reader is not None and self._reader.random() < self._misread:
            return False
        if not self._reader_dead:
            self._send(self._scheduler.now_ms, MEDIUM, medium, 0)
        return True

    def cover(self, beam: int, on: bool) -> None:
        """Something that is no rider stands in a beam from now on, or is taken away again; each `on` needs its end."""
        self._check_beam(beam)
        self._edge(self._scheduler.now_ms, beam, int(on))

    def push(self, until_ms: int) -> None:
        """Somebody holds the arm open by force from now until then."""
        self._pushed_until_ms = until_ms
        self._scheduler.at(until_ms, self._let_go)
        self._drive(self._scheduler.now_ms)

    def fault(self, what: str, beam: int, on: bool) -> None:
        """A fault begins or ends, now (simulator/plant/faults.py)."""
        if what in (faults.BEAM_STUCK_ON, faults.BEAM_STUCK_OFF):
            self._check_beam(beam)
            if self._channel is None:
                raise ValueError(f"lane {self.name} was made without faults: give it `breaks`")
            stuck = 1 if what == faults.BEAM_STUCK_ON else 0
            self._channel.stick(beam, stuck if on else None)
        elif what == faults.READER_DEAD:
            self._reader_dead = on
        elif what == faults.ARM_JAMMED:
            self.arm.jam(self._scheduler.now_ms, on)
            self._drive(self._scheduler.now_ms)
        elif what == faults.POWER_CUT:
            if self.on_power is not None:
                self.on_power(not on)
        elif what == faults.NETWORK_CUT:
            if self.on_network is not None:
                self.on_network(not on)
        else:
            raise ValueError(f"faults are {', '.join(faults.KINDS)}, not {what!r}")

    @property
    def free(self) -> bool:
        """True while the device lets everybody pass."""
        return self.command == ARM_FREE

    def passable_at(self) -> int | None:
        """When a rider may walk through (ms, now or later), or None while the arm is kept closed."""
        now_ms = self._scheduler.now_ms
        if self.command == ARM_LOCKED and not self.arm.absent and now_ms >= self._pushed_until_ms:
            return None
        return self.arm.passable_at(now_ms)

    def open_now(self) -> bool:
        """Whether the arm stands open enough at this moment, whoever opened it."""
        now_ms = self._scheduler.now_ms
        return self.arm.position(now_ms) >= self.arm.kind.passable

    def bodies(self) -> list[Body]:
        """All bodies, first come first."""
        return list(self._bodies)

    def add(
        self,
        shape: Shape,
        kind: int,
        path: list[beams.Point],
        watch: Watch,
        *,
        reverse: bool = False,
        lifts: tuple[Lift, ...] = (),
        who: str = "",
    ) -> Body:
        """A body that walks `path` from its first point on, which must be now and outside the beams.

        `reverse` for who walks against the lane; `lifts` raise the person on the way (see silhouette.py); `who` names
        its owner to a film.
        """
        body = Body(shape, kind, beams.check_path(path), watch, reverse, lifts, who)
        body.spans, body.nearest_mm = self._spans(shape, lifts, reverse)
        body.covers = [0] * len(body.spans)
        body.due = partial(self._due, body)
        self._numbered += 1
        body.number = self._numbered
        self._bodies.append(body)
        self.walk(body, path)
        return body

    def walk(self, body: Body, path: list[beams.Point]) -> None:
        """Give the body a new way from now on; what was planned before is dropped."""
        if body.timer is not None:
            body.timer.cancel()
            body.timer = None
        body.path = way = beams.check_path(path)
        if self.film is not None:
            self.film.walks(body)
        body.items = items = []
        body.next = 0
        if len(way) == 2 and way[0][1] <= way[1][1] < body.nearest_mm:
            return  # to the reader
        covers = body.covers
        core, beyond = self._core, self._all
        simple = len(way) == 2 and way[1][1] > way[0][1]
        for index, spans in enumerate(body.spans):
            if not spans:
                continue
            if simple and len(spans) == 1 and not covers[index]:
                found = beams.passing(way, spans[0])
            else:
                found = beams.edges(way, spans, bool(covers[index]))
            for at_ms, blocked in found:
                # Of one millisecond: truth first; then what breaks, so that a body is never between beams, seen by
                # none; then what clears; at last that everything has left.
                order = 0 if index == core else 3 if index == beyond else 2 - blocked
                items.append((at_ms, order, index, blocked))
        items.sort()
        if items:
            body.timer = self._scheduler.at(items[0][0], body.due)

    def remove(self, body: Body) -> None:
        """The body has left; raises ValueError while it still covers a beam."""
        if any(body.covers):
            raise ValueError(f"a body at {body.front_at(self._scheduler.now_ms)} mm cannot vanish from a broken beam")
        if body.timer is not None:
            body.timer.cancel()
        if self.film is not None:
            self.film.gone(self._scheduler.now_ms, body)
        body.due, body.watch = _nothing, _unwatched  # or it would hold itself, and whoever holds it
        self._bodies.remove(body)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_beam(self, beam: int) -> None:
        if not 0 <= beam < self._beams:
            raise ValueError(f"lane {self.name} has no beam {beam}: its beams are 0 to {self._beams - 1}")

    def _spans(self, shape: Shape, lifts: tuple[Lift, ...], reverse: bool) -> Covered:
        """For each thing that can be covered, the positions of the front at which the body covers it; the smallest."""
        known = self._known.get((shape, lifts, reverse))
        if known is not None:
            return known
        geometry, shift_mm = self.geometry, self._misalignment_mm
        found = [front_spans(shape, beam.x_mm + shift_mm, beam.z_mm, lifts, reverse) for beam in geometry.beams]
        # The arm, and the stretch between the beams, take the person as one piece at any height.
        core = (shape.core_front_mm, shape.core_rear_mm)
        for (near_mm, far_mm), first_mm, last_mm in (
            (core, geometry.arm_mm, geometry.arm_mm),
            (core, 0, geometry.last_mm),
            ((shape.front_mm, shape.rear_mm), 0, geometry.last_mm),
        ):
            span = (first_mm - far_mm, last_mm - near_mm) if reverse else (first_mm + near_mm, last_mm + far_mm)
            found.append((span,))
        if len(self._known) >= _SPANS_MAX:
            self._known.clear()
        known = tuple(found), min(spans[0][0] for spans in found if spans)
        self._known[shape, lifts, reverse] = known
        return known

    def _due(self, body: Body) -> None:
        """All items of this body that are due, up to where somebody else's business comes first."""
        scheduler = self._scheduler
        now_ms = scheduler.now_ms
        body.timer = None
        items, covers = body.items, body.covers
        while body.next < len(items):
            at_ms, _, index, blocked = items[body.next]
            if at_ms > now_ms:
                if not scheduler.advance(at_ms):
                    body.timer = scheduler.at(at_ms, body.due)
                    return
                now_ms = at_ms
            body.next += 1
            covers[index] = blocked
            if index < self._arm:
                self._edge(now_ms, index, blocked)
            elif index == self._core:
                body.watch(now_ms, ENTERED if blocked else self._left_by(body, now_ms))
            elif index == self._all:
                if not blocked:
                    body.watch(now_ms, ALL_LEFT)
            else:
                self._covering[index] += 1 if blocked else -1
                if blocked:
                    self._meet(now_ms)
                else:
                    self._drive(now_ms)
            if body.items is not items:
                return  # it was given another way meanwhile

    def _left_by(self, body: Body, t_ms: int) -> int:
        """By which side the person has just left; whole millimetres are rounded down, so the edge itself is outside."""
        front_mm, (low_mm, high_mm) = body.front_at(t_ms), body.spans[self._core][0]
        beyond = front_mm < low_mm if body.reverse else front_mm >= high_mm
        return LEFT if beyond else RETURNED

    def _edge(self, now_ms: int, index: int, blocked: int) -> None:
        """A body begins or ends to cover a beam, which is broken while any does."""
        count = self._covering[index] + (1 if blocked else -1)
        self._covering[index] = count
        if count != blocked:
            return
        self._broken += 1 if blocked else -1
        if self._channel is None:
            self._send(now_ms, BEAM, index, blocked)
        else:
            self._channel.feed(index, blocked)
        if not blocked:
            self._drive(now_ms)

    def _heard(self, beam: int, blocked: int) -> None:
        self._send(self._scheduler.now_ms, BEAM, beam, blocked)

    def _send(self, t_ms: int, kind: int, a: int | bytes, b: int) -> None:
        if self.powered and self.post is not None:
            self.post(t_ms, kind, a, b)

    def _effect(self, session: int, arm: int, lamp: int, sound: int) -> None:
        if not self.powered or session != self.session:
            return
        changed = arm != self.command or lamp != self.lamp
        self.command, self.lamp, self.sound = arm, lamp, sound
        now_ms = self._scheduler.now_ms
        self._drive(now_ms)
        if changed:
            self._tell(now_ms)

    def _let_go(self) -> None:
        self._drive(self._scheduler.now_ms)

    def _drive(self, t_ms: int) -> None:
        """Move the arm to where the device (or a hand) wants it, unless its sensors see somebody in its way."""
        arm = self.arm
        if self.command != ARM_LOCKED or t_ms < self._pushed_until_ms:
            arm.open(t_ms)
        elif arm.opening and not self._held():
            if not arm.close(t_ms):
                return  # there is nothing to close
            if self.listener is not None:
                self.listener.arm_closing(t_ms)
            self._meet(t_ms)

    def _held(self) -> bool:
        """Whether the arm is kept open: by its sensors, or by the body that is turning it. Hands are not sensors."""
        if self.arm.kind.holds_for_lane:
            return self._broken > 0
        return self._covering[self._arm] > 0

    def _meet(self, t_ms: int) -> None:
        """A closing arm and a body that its sensors don't see are in one place."""
        arm = self.arm
        closed_ms = arm.closed_at()
        if not self._covering[self._arm] or closed_ms is None or t_ms >= closed_ms:
            return
        self.contacts += 1
        self.contact_j += arm.kind.impact_j()
        if arm.kind.safety == REOPEN:
            arm.open(t_ms)
            self._scheduler.at(t_ms + arm.kind.opening_ms, self._let_go)
        elif arm.kind.safety != NONE:
            arm.jam(t_ms, True)
            self._scheduler.at(t_ms + arm.kind.closing_ms, self._unjam)

    def _unjam(self) -> None:
        self.arm.jam(self._scheduler.now_ms, False)
        self._drive(self._scheduler.now_ms)

    def _tell(self, t_ms: int) -> None:
        if self.film is not None:
            self.film.turned(t_ms)
        if self.listener is not None:
            self.listener.outputs_changed(t_ms)
