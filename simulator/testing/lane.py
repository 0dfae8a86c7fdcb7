"""A lane for tests: what one does to it from the world's side, and what one can read.

`Lane` is what a lane on virtual time (virtual.py) and one before a real broker (live.py) have in common. Its hardware,
its riders and its firmware are those of any study (simulator/study/run.py), so a test sees what a study would.

Rules: every verb acts at once, and time moves only in `send`, `run`, `settle`, `advance` and `end_interval`. What
begins something returns a `Condition`, which `with` ends. What a caller can mend is a ValueError that says how; what
did not happen in time is a `NotInTime`. The device is always an emulated one.

Does not belong here: making lanes from what people ask for (make.py), pytest (pytest_gateline).
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from types import TracebackType
from typing import Any, Self, TypeVar

from firmware.fare import pass_token
from simulator.devices.in_process import InProcessDevice, LinkFactory, MemoryStorage
from simulator.plant import faults
from simulator.plant.lane import LAMP_NAMES, Scene
from simulator.study.join import Joined, join
from simulator.study.rows import Crossing, Verdict
from simulator.study.run import Sinks, StationRun
from simulator.study.spec import LaneSpec, Spec, StationSpec
from simulator.testing.link import Ledger
from simulator.testing.message import Message, Record, kept, named
from simulator.testing.sent import Sent
from simulator.world import behaviours as b
from simulator.world.riders import DAY, SINGLE, Rider

T = TypeVar("T")

Number = float | tuple[float, float]
"""A behaviour's parameter, or the two ends that it is drawn between."""

# A verdict may come a moment after its rider has gone: a detector's timer, debouncing, latency.
_AFTER_S = 1.0


class NotInTime(AssertionError):
    """Something that was waited for did not happen."""


class Condition:
    """Something that goes on until it is ended: by `with`, by `end()`, or by the verb that undoes it."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end

    def end(self) -> None:
        """End it; harmless when it has ended."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()


class Lane(ABC):
    """One lane: hardware, firmware, riders. Made by the fixtures of pytest_gateline, or by make.py."""

    def __init__(
        self, spec: Spec, lane: LaneSpec, link_factory: LinkFactory, storage: MemoryStorage, ledger: Ledger
    ) -> None:
        self.name = lane.name
        self.seed = spec.seed
        self.site: str = lane.identity["site"]
        self.key = bytes.fromhex(lane.identity["key"])
        """What seals the device's messages: 32 bytes."""
        self._spec = spec
        self._ledger = ledger
        self._storage = storage
        self._crossings: list[Crossing] = []
        self._verdicts: list[Verdict] = []
        self._covered: set[int] = set()
        self._closed = False
        self._run = StationRun(
            spec,
            StationSpec("", (lane,), None),
            Sinks(self._crossings.append, self._verdicts.append),
            device_options={"link_factory": link_factory, "storage": storage},
        )
        self._scheduler = self._run.scheduler
        self._plant = self._run.lanes[0].plant
        device = self._run.lanes[0].device
        assert isinstance(device, InProcessDevice)
        self._device = device

    def __repr__(self) -> str:
        return f"<lane {self.name}: {self.state}, {self.elapsed_s:g} s>"

    # --- time: what differs between a virtual lane and a live one ----------------------------------------------------

    @abstractmethod
    def _do(self, act: Callable[[], T]) -> T:
        """Do something between two events of the lane."""

    @abstractmethod
    def advance(self, seconds: float) -> None:
        """Let so much time run."""

    @abstractmethod
    def _pass_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Let time run until it is so; False when it is not so within `timeout_s`."""

    @abstractmethod
    def _network(self, on: bool) -> None:
        """The network begins or ends."""

    @abstractmethod
    def _power_fails(self) -> None:
        """The power is about to go: the device's connection ends without a goodbye."""

    @abstractmethod
    def _network_is_up(self) -> bool:
        """Whether the network is whole, connected or not."""

    def _start(self) -> None:
        """Power on, and hear of faults of power and network."""
        self._run.start()
        self._plant.on_power = self._power
        self._plant.on_network = self._network

    def close(self) -> None:
        """Power off, cleanly. What has been recorded can still be read."""
        if not self._closed:
            self._closed = True
            self._run.close()

    def _act(self, act: Callable[[], T]) -> T:
        if self._closed:
            raise ValueError(f"lane {self.name} is closed: a lane lives as long as the test that asked for it")
        return self._do(act)

    # --- riders ------------------------------------------------------------------------------------------------------

    def send(
        self,
        behaviour: str = b.PAY,
        kind: str = "adult",
        *,
        consent: bool | None = True,
        product: str | None = None,
        medium_of: Sent | None = None,
        medium: bytes | None = None,
        wait: bool = True,
        timeout_s: float = 300.0,
        **parameters: Number,
    ) -> Sent:
        """Send a rider, and let time run until everybody has gone.

        `behaviour` is what they mean to do (simulator/world/behaviours.py), with `parameters` of it: how high somebody
        can jump, how close they follow. `kind` is how they look. `consent` and `product` ("single", "day") are on their
        medium; None leaves them to the seed. `medium_of` gives them the medium of somebody sent before; `medium` is
        what they hold to the reader instead of a test token: a real pass, as bytes or as its QR text. `wait=False` only
        puts them into the queue: whoever follows another needs to be there before the other goes. Raises NotInTime
        when somebody is still here after `timeout_s`.
        """
        __tracebackhide__ = True
        if product not in (None, SINGLE, DAY):
            raise ValueError(f'a product is "{SINGLE}" or "{DAY}", not {product!r}')
        plan = _plan(behaviour, parameters) if parameters else None

        def change(rider: Rider) -> None:
            rider.plan = plan or rider.plan
            if medium_of is not None:
                rider.nonce, rider.product, rider.consent = medium_of.nonce, medium_of.product, medium_of.consent
                rider.carried = medium_of.carried
            if product is not None:
                rider.product = product
            if consent is not None and medium_of is None:
                rider.consent = consent
            if medium is not None:
                raw = pass_token.parse(medium)
                rider.carry(medium, rider.nonce if raw is None else pass_token.nonce(raw))

        rider = self._act(lambda: self._run.station.send(self.name, behaviour, kind, change))
        sent = Sent(rider, lambda: self.crossings, lambda: self.joined)
        if wait:
            self.run(timeout_s)
        return sent

    def run(self, timeout_s: float = 300.0) -> None:
        """Let time run until everybody has gone; raises NotInTime when somebody is still here after `timeout_s`."""
        __tracebackhide__ = True
        self._act(_nothing)
        if not self._pass_until(self._run.station.idle, timeout_s):
            raise NotInTime(self._do(lambda: self._who_is_here(timeout_s)))
        self.advance(_AFTER_S)

    def present(self, medium: bytes) -> None:
        """Hold something to the reader, whoever stands there."""
        self._act(lambda: self._plant.present(medium))

    def _who_is_here(self, timeout_s: float) -> str:
        visits = self._run.station.visits(self.name)
        here = "; ".join(f"{visit.rider.id} ({visit.rider.behaviour}) is {visit.state.value}" for visit in visits[:5])
        more = f"; and {len(visits) - 5} more" if len(visits) > 5 else ""
        return f"not everybody has left lane {self.name} within {timeout_s:g} s: {here}{more}. {self._condition()}"

    def _condition(self) -> str:
        wrong = [f"beam {beam} is covered (clear_beam)" for beam in sorted(self._covered)]
        if not self._plant.powered:
            wrong.append("the power is cut (restore_power)")
        if self._plant.arm.jammed:
            wrong.append("the arm is jammed (free_arm)")
        if not self._network_is_up():
            wrong.append("the network is cut (restore_network)")
        known = f" In the way: {', '.join(wrong)}." if wrong else ""
        beams = "".join(str(beam) for beam in self._plant.broken())
        arm = self._plant.arm.position(self._scheduler.now_ms)
        return f"The lane is {self._state()}, lamp {self._lamp()}, arm {arm} % open, beams {beams}.{known}"

    # --- beams, arm, reader, fire ------------------------------------------------------------------------------------

    def break_beam(self, beam: int) -> Condition:
        """Something stands in a beam, and stays there; beams count from 0."""

        def cover() -> None:
            if beam not in self._covered:
                self._plant.cover(beam, True)
                self._covered.add(beam)

        self._act(cover)
        return Condition(lambda: self.clear_beam(beam))

    def clear_beam(self, beam: int) -> None:
        """Take away what stood in the beam; riders in it stay."""

        def clear() -> None:
            if beam in self._covered:
                self._covered.remove(beam)
                self._plant.cover(beam, False)

        self._act(clear)

    def stick_beam(self, beam: int, broken: bool = True) -> Condition:
        """The beam's sensor sticks: it says broken (or clear) whatever is there."""
        what = faults.BEAM_STUCK_ON if broken else faults.BEAM_STUCK_OFF
        return self._begin(what, lambda: self.free_beam(beam), beam)

    def free_beam(self, beam: int) -> None:
        """The sensor sees again what is there."""
        self._act(lambda: self._plant.fault(faults.BEAM_STUCK_ON, beam, False))

    def jam_arm(self) -> Condition:
        """The arm stays where it is."""
        return self._begin(faults.ARM_JAMMED, self.free_arm)

    def free_arm(self) -> None:
        """The arm moves again."""
        self._act(lambda: self._plant.fault(faults.ARM_JAMMED, 0, False))

    def kill_reader(self) -> Condition:
        """The reader is dead: what is held to it, nobody reads."""
        return self._begin(faults.READER_DEAD, self.mend_reader)

    def mend_reader(self) -> None:
        """The reader reads again."""
        self._act(lambda: self._plant.fault(faults.READER_DEAD, 0, False))

    def fire(self, on: bool = True) -> Condition:
        """The fire contact closes (all may pass) or opens again."""
        self._act(lambda: self._plant.fire(on))
        return Condition(lambda: self._act(lambda: self._plant.fire(False)))

    def _begin(self, what: str, end: Callable[[], None], beam: int = 0) -> Condition:
        self._act(lambda: self._plant.fault(what, beam, True))
        return Condition(end)

    # --- power and network -------------------------------------------------------------------------------------------

    def cut_power(self) -> Condition:
        """The device dies at once; what is in its flash stays."""
        return self._begin(faults.POWER_CUT, self.restore_power)

    def restore_power(self) -> None:
        """The device boots over its flash."""
        self._act(lambda: self._plant.fault(faults.POWER_CUT, 0, False))

    def cut_network(self) -> Condition:
        """Nothing reaches the broker any more, and nothing comes from it; records wait in the outbox."""
        return self._begin(faults.NETWORK_CUT, self.restore_network)

    def restore_network(self) -> None:
        """The network is whole; the device finds its way back by itself, within a few seconds."""
        self._act(lambda: self._plant.fault(faults.NETWORK_CUT, 0, False))

    def _power(self, on: bool) -> None:
        if on == self._plant.powered:
            return
        if not on:
            self._power_fails()
        self._run.power(self._run.lanes[0], on)

    def settle(self, timeout_s: float = 120.0) -> None:
        """Let time run until the gateway has confirmed every record; raises NotInTime if it has not by then."""
        __tracebackhide__ = True
        self._act(_nothing)
        if not self._pass_until(lambda: self._outbox_size() == 0, timeout_s):
            waiting = self._do(self._outbox_size)
            raise NotInTime(
                f"{waiting} records of lane {self.name} are not confirmed after {timeout_s:g} s. "
                f"{self._do(self._why_undelivered)} {self._do(self._condition)}"
            )

    def _why_undelivered(self) -> str:
        return "Nobody has said `stored` for them (docs/protocol.md)."

    def _outbox_size(self) -> int:
        gate = self._device.gate
        return len(gate.outbox) if gate is not None else sum(1 for _ in kept(self._storage))

    def end_interval(self) -> None:
        """Let time run until the interval ends and its tallies are out."""
        interval_ms = self._spec.report["interval_ms"]
        self.advance((interval_ms - self.epoch_ms % interval_ms) / 1000 + _AFTER_S)

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def reason(self) -> str | None:
        """Why the last medium was refused (docs/passes.md); None when it was not, or the device has no power."""
        gate = self._device.gate
        return None if gate is None else gate.reason

    @property
    def records(self) -> list[Record]:
        """Every record that the device has written so far, in order, whether or not anybody has received it."""

        def look() -> list[Record]:
            found = dict(self._ledger.records)
            found.update({(boot, seq): record for boot, seq, record in kept(self._storage)})
            return [named(self.name, boot, seq, found[boot, seq]) for boot, seq in sorted(found)]

        return self._do(look)

    @property
    def undelivered(self) -> list[Record]:
        """The records that nobody has confirmed yet. Of a device without power: all in its flash."""

        def look() -> list[Record]:
            outbox = self._device.gate.outbox if self._device.gate is not None else None
            return [
                named(self.name, boot, seq, record)
                for boot, seq, record in kept(self._storage)
                if outbox is None or seq >= outbox.watermark(boot)
            ]

        return self._do(look)

    @property
    @abstractmethod
    def delivered(self) -> list[Message]:
        """The batches that have reached the broker, in wire form; what was sent twice is here twice."""

    @property
    def passages(self) -> list[Record]:
        """The records of kind `passage`."""
        return self._of_kind("passage")

    @property
    def tallies(self) -> list[Record]:
        """The records of kind `tally`: counts, told when an interval ends (`end_interval`)."""
        return self._of_kind("tally")

    def _of_kind(self, kind: str) -> list[Record]:
        return [record for record in self.records if record["kind"] == kind]

    @property
    def crossings(self) -> list[Crossing]:
        """The truth: a row for each rider who has gone."""
        return list(self._crossings)

    @property
    def truth(self) -> dict[str, int]:
        """How many riders did what: outcomes and their counts."""
        return dict(sorted(Counter(row.outcome for row in self.crossings).items()))

    @property
    def verdicts(self) -> list[Verdict]:
        """Every decision of the firmware, whether or not it leaves the device."""
        return list(self._verdicts)

    @property
    def joined(self) -> list[Joined]:
        """Truth and verdicts, held against each other (simulator/study/join.py)."""
        return list(join(self.crossings, self.verdicts))

    @property
    def state(self) -> str:
        """The turnstile's state (docs/turnstile.md), or `dark` without power."""
        return self._do(self._state)

    def _state(self) -> str:
        return "dark" if self._device.gate is None else str(self._device.gate.turnstile.state)

    @property
    def lamp(self) -> str:
        """`wait`, `ready`, `go` or `stop`; `dark` without power."""
        return self._do(self._lamp)

    def _lamp(self) -> str:
        return "dark" if self._device.gate is None else LAMP_NAMES[self._plant.lamp]

    @property
    def beams(self) -> list[int]:
        """1 for each beam that the device hears of as broken, 0 for each clear one."""
        return self._do(self._plant.broken)

    @property
    def arm(self) -> int:
        """How far the arm is open: 0 to 100."""
        return self._do(lambda: self._plant.arm.position(self._scheduler.now_ms))

    @property
    def scene(self) -> Scene:
        """The lane as an eye would see it, bodies included."""
        return self._do(lambda: self._plant.snapshot(self._scheduler.now_ms))

    @property
    def boot(self) -> int:
        """How often the device has booted; the number that its records carry. 0 without power."""
        return self._do(lambda: self._device.gate.boot if self._device.gate is not None else 0)

    @property
    def elapsed_s(self) -> float:
        """How long the lane has run, in its own time."""
        return self._do(lambda: self._scheduler.now_ms) / 1000

    @property
    def epoch_ms(self) -> int:
        """What time it is for the device: milliseconds since 1970."""
        return self._do(lambda: self._run.epoch_of(self._scheduler.now_ms))

    def describe(self) -> str:
        """Everything of note in a few lines; shown when a test fails."""
        records = self.records
        lines = [
            f"lane {self.name}, seed {self.seed}, {self.elapsed_s:g} s, boot {self.boot}. {self._do(self._condition)}",
            f"truth: {_counted(row.outcome for row in self.crossings)}",
            f"verdicts: {_counted(row.what for row in self.verdicts)}",
            f"records: {len(records)}, not confirmed {len(self.undelivered)}, the last:",
            *(f"  {record}" for record in records[-5:]),
        ]
        return "\n".join(lines)


# Inputs of the board seam, as the plant numbers them.
_BEAM, _FIRE = 1, 3


def _nothing() -> None:
    """Only to be told of a closed lane."""


def _counted(names: Any) -> str:
    counts = sorted(Counter(names).items())
    return ", ".join(f"{name} {count}" for name, count in counts) or "none"


def _plan(behaviour: str, parameters: dict[str, Number]) -> b.Behaviour:
    """A behaviour with parameters of one's own."""
    kind = b.ALL.get(behaviour)
    if kind is None:
        known = "pay takes no parameters" if behaviour == b.PAY else f"riders can pay, {', '.join(b.ALL)}"
        raise ValueError(f"{behaviour!r} with {', '.join(parameters)}: {known}")
    allowed = [item.name for item in fields(kind) if item.name != "share"]
    for name in parameters:
        if name not in allowed:
            raise ValueError(f"{behaviour} has no parameter {name!r}; it has {', '.join(allowed) or 'none'}")
    return kind(**parameters)  # type: ignore[arg-type]  # looked at above, and by the class
