"""One run of a study: stations of emulated lanes on virtual time, and what came of it.

Each station is a world of its own (scheduler, riders, lanes, gates with the real firmware), so a run of many stations
is spread over processes by station; the result does not depend on how many there are. The firmware runs in this
process, or, lane by lane, in real MicroPython processes in lockstep: the same bytes either way.

Rules: nothing here reads a wall clock (paced.py does). Rows go to sinks as they come; a run keeps none of them.
Does not belong here: reading scenario files (simulator/scenario), scores (scorecard.py), files (parquet.py).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from firmware.boards.storage import FileStorage
from simulator.clock import Scheduler
from simulator.devices import bundle
from simulator.devices.in_process import InProcessDevice
from simulator.devices.process import PlantServer, ProcessDevice
from simulator.plant.lane import BEAM, LanePlant
from simulator.study.film import DARK, Film
from simulator.study.rows import Crossing, Edge, Show, Verdict, Walk
from simulator.study.spec import LaneSpec, Spec, StationSpec
from simulator.study.witness import overheard, witnessed
from simulator.world.station import Station

STEP_MS = 60_000
DRAIN_MS = 1_800_000  # riders who are still here when the run ends get so long to go
_RECORDS_KEPT = 256


def nothing(_: Any) -> None:
    """A sink for rows that nobody wants."""


@dataclass(frozen=True)
class Sinks:
    """Where a station's rows go. An `edges`, `walks` or `shows` of None costs nothing."""

    crossings: Callable[[Crossing], None] = nothing
    verdicts: Callable[[Verdict], None] = nothing
    edges: Callable[[Edge], None] | None = None
    walks: Callable[[Walk], None] | None = None
    shows: Callable[[Show], None] | None = None


@dataclass
class Lane:
    """A plant, its gate, and the running digest of what the gate said."""

    spec: LaneSpec
    plant: LanePlant
    device: InProcessDevice | ProcessDevice
    film: Film | None
    digest: Any = field(default_factory=hashlib.sha256)


class StationRun:
    """One station, from its first rider until all have gone.

    `micropython` is where MicroPython processes find their hardware and their bundle, or None for gates in this
    process. `transcript` keeps a digest of every gate's outputs and records (`digest()`). `device_options` go to each
    gate in this process (InProcessDevice): a link, a storage of its own.
    """

    def __init__(
        self,
        spec: Spec,
        station: StationSpec,
        sinks: Sinks,
        *,
        micropython: "MicroPython | None" = None,
        transcript: bool = False,
        device_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.spec = spec
        self.station_spec = station
        self.scheduler = Scheduler()
        self._sinks = sinks
        self._micropython = micropython
        self._transcript = transcript
        self._device_options = device_options or {}
        self._closed = False
        self._keep_pace: Callable[[int], None] | None = None
        self._seed = _station_seed(spec.seed, station.name)
        self.lanes = [self._lane(lane) for lane in station.lanes]
        self.station = Station(
            self.scheduler,
            [lane.plant for lane in self.lanes],
            station.demand,
            self._seed,
            None,
            population=spec.population,
            crossings=sinks.crossings,
            name=station.name,
            own_demand=station.own_demand,
        )

    def epoch_of(self, t_ms: int) -> int:
        """Epoch ms of a virtual time."""
        return self.spec.epoch_start_ms + t_ms

    def _lane(self, spec: LaneSpec) -> Lane:
        station = self.station_spec.name
        plant = spec.plant(self.scheduler, self.spec.seed, station)
        name = f"{station}/{spec.name}" if station else spec.name
        lane: Lane
        film = None
        if self._sinks.walks is not None and self._sinks.shows is not None:
            film = plant.film = Film(plant, station, self._now, self._sinks.walks, self._sinks.shows)

        def outputs(t_ms: int, arm: int, lamp: int, sound: int, state: str) -> None:
            if self._transcript:
                lane.digest.update(b"%d %d %d %d %s\n" % (t_ms, arm, lamp, sound, state.encode()))
            if film is not None:
                film.says(state)
            plant.apply(t_ms, arm, lamp, sound)

        settings = spec.settings(self.spec.report)
        if self._micropython is not None:
            device: InProcessDevice | ProcessDevice = self._micropython.device(
                self.scheduler,
                settings,
                outputs,
                self.epoch_of,
                name,
                overheard(self._now, station, spec.name, spec.way, self._sinks.verdicts),
            )
        else:
            device = InProcessDevice(
                self.scheduler,
                settings,
                outputs,
                self.epoch_of,
                seed=self._seed,
                make_gate=witnessed(self._now, station, spec.name, spec.way, self._sinks.verdicts),
                **self._device_options,
            )
        plant.post = self._post(device, station, spec.name)
        lane = Lane(spec, plant, device, film)
        return lane

    def _now(self) -> int:
        return self.scheduler.now_ms

    def _post(
        self, device: InProcessDevice | ProcessDevice, station: str, lane: str
    ) -> Callable[[int, int, int | bytes, int], None]:
        sink = self._sinks.edges
        if sink is None:
            return device.post

        def post(t_ms: int, kind: int, a: int | bytes, value: int) -> None:
            if kind == BEAM:
                assert isinstance(a, int)
                sink(Edge(station, lane, t_ms, a, value))
            device.post(t_ms, kind, a, value)

        return post

    def steps(self, keep_pace: Callable[[int], None] | None = None) -> Iterator[int]:
        """Run, a virtual minute at a time; yields the time in ms that has been reached. Ends when all have gone.

        `keep_pace` is called with the time of each thing that is about to happen, and may wait.
        """
        self._keep_pace = keep_pace
        self.start()
        end_ms = self.spec.duration_ms
        while self.scheduler.now_ms < end_ms:
            self._run_until(min(end_ms, self.scheduler.now_ms + STEP_MS))
            yield self.scheduler.now_ms
        self.station.stop_arrivals()
        while not self.station.idle() and self.scheduler.now_ms < end_ms + DRAIN_MS:
            self._run_until(self.scheduler.now_ms + STEP_MS)
            yield self.scheduler.now_ms

    def start(self) -> None:
        """Power on. `steps` does it; who drives the scheduler does it first."""
        for lane in self.lanes:
            if isinstance(lane.device, ProcessDevice):
                lane.device.spawn()  # side by side; power_on waits for each
        for lane in self.lanes:
            self.power(lane, True)
            lane.plant.on_power = partial(self.power, lane)
        for at_ms, for_ms in self.spec.fires:
            self.scheduler.at(at_ms, lambda: self.station.fire(True))
            self.scheduler.at(at_ms + for_ms, lambda: self.station.fire(False))

    def run(self) -> None:
        """Run to the end."""
        for _ in self.steps():
            pass
        self.close()

    def power(self, lane: Lane, on: bool) -> None:
        """A device comes up over its flash, or dies at once."""
        if on:
            lane.plant.power(True)
            if isinstance(lane.device, ProcessDevice):
                if lane.device.process is None:
                    lane.device.spawn()
                lane.device.connect()
            else:
                lane.device.start()
            lane.plant.announce()
        else:
            lane.device.kill()
            if lane.film is not None:
                lane.film.says(DARK)
            lane.plant.power(False)

    def _run_until(self, t_ms: int) -> None:
        if self._keep_pace is not None:
            while (due_ms := self.scheduler.next_at()) is not None and due_ms <= t_ms:
                self._keep_pace(due_ms)
                self.scheduler.run_until(due_ms)
            self._keep_pace(t_ms)
        self.scheduler.run_until(t_ms)
        for lane in self.lanes:
            self._drain(lane, _RECORDS_KEPT)

    def _drain(self, lane: Lane, keep: int) -> None:
        """Take the records out of a gate, as a gateway would that confirms them."""
        if self._transcript or not isinstance(lane.device, InProcessDevice) or lane.device.gate is None:
            return  # a transcript is of the whole flash
        outbox, boot = lane.device.gate.outbox, lane.device.gate.boot
        if len(outbox) <= keep:
            return
        while (found := outbox.batch(boot, outbox.watermark(boot), 64, 1 << 20)) is not None:
            outbox.confirm(boot, found[2])

    def digests(self) -> dict[str, str]:
        """Of each gate, the hash of its outputs and of its records, in their order. After `close`."""
        found = {}
        for lane in self.lanes:
            records = hashlib.sha256()
            for record in self._records(lane):
                records.update(record + b"\n")
            name = f"{self.station_spec.name}/{lane.spec.name}" if self.station_spec.name else lane.spec.name
            found[name] = f"{lane.digest.hexdigest()[:32]}:{records.hexdigest()[:32]}"
        return found

    def _records(self, lane: Lane) -> Iterator[bytes]:
        """All records that a gate still holds, oldest first, out of its flash."""
        storage = (
            lane.device.storage if isinstance(lane.device, InProcessDevice) else FileStorage(str(lane.device.folder))
        )
        for name in storage.names("q"):
            for line in storage.lines(name):
                yield line.split(b" ", 2)[2]

    def close(self) -> None:
        """End the gates; harmless when done twice."""
        if self._closed:
            return
        self._closed = True
        for lane in self.lanes:
            lane.device.stop()
            if lane.film is not None:
                lane.film.close()


def _station_seed(seed: int, name: str) -> int:
    """The run's own for a station without a name; of several each has its own, or all would see the same riders."""
    return seed if not name else int.from_bytes(f"{seed}:{name}".encode(), "big")


class MicroPython:
    """Where MicroPython processes in lockstep find their hardware, their firmware and their flash."""

    def __init__(self, folder: Path) -> None:
        self._server = PlantServer()
        self._bundle = bundle.build("emulated", folder / "bundle", witness=True)
        self._folder = folder

    def device(
        self,
        scheduler: Scheduler,
        settings: dict[str, Any],
        outputs: Callable[[int, int, int, int, str], None],
        epoch_of: Callable[[int], int],
        name: str,
        decided: Callable[[list[str]], None],
    ) -> ProcessDevice:
        """One process; it starts with `start()`, and tells `decided` of each decision."""
        return ProcessDevice(
            scheduler,
            settings,
            outputs,
            epoch_of,
            server=self._server,
            bundle=self._bundle,
            folder=self._folder / "devices" / name,
            main=bundle.WITNESS,
            decided=decided,
        )

    def close(self) -> None:
        """No more devices connect."""
        self._server.close()
