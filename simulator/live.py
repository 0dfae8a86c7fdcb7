"""A live station: lanes with real firmware behind a broker, paced to real time.

Joins the world's station, the plants and the devices (MicroPython processes, or the engines in this process where
there is no
MicroPython) and keeps them running: a device whose process dies loses its power, the riders notice, and a moment later
it boots again over the same storage.

Does not belong here: the gateway, the terminal, the reckoning (simulator/demo.py).
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from firmware import config
from firmware.link.mqtt import MqttLink
from simulator.byhand.cables import Cables
from simulator.byhand.hands import Hands
from simulator.byhand.orders import Order, Orders
from simulator.clock import Scheduler
from simulator.devices import bundle
from simulator.devices.in_process import InProcessDevice
from simulator.devices.process import DeviceDied, PlantServer, ProcessDevice, micropython_available
from simulator.pacing import PacedLoop
from simulator.scene import frame
from simulator.scene.eye import Eye
from simulator.scene.publisher import ScenePublisher
from simulator.study.spec import LaneSpec
from simulator.study.witness import Decisions, overheard, witnessed
from simulator.truth import DAY_MS, TruthLog
from simulator.world.demand import Demand
from simulator.world.population import Population
from simulator.world.riders import Rider
from simulator.world.station import Shop, Station

_QUARTER_HOUR_MS = 900_000
_FRAME_MS = 100
_REBOOT_MS = 1000
_FALSE_STARTS_MAX = 3
_BY_HAND_KEPT = 32
_ORDERS_MAX = 64  # that wait for the loop; whoever sends more meanwhile is not heard


def distant_day_start_ms(epoch_ms: int) -> int:
    """When a site's service day should begin (ms after midnight UTC, a quarter hour) so that no run of hours meets it.

    A handle belongs to the service day on which the medium was presented. The world's truth takes the day on which the
    rider was through, which is another one for whoever is in a lane as the day ends.
    """
    return (epoch_ms + DAY_MS // 2) % DAY_MS // _QUARTER_HOUR_MS * _QUARTER_HOUR_MS


@dataclass(frozen=True)
class LaneView:
    """One lane as a terminal shows it."""

    name: str
    way: str
    state: str
    through: int
    queue: int
    pid: int | None
    boots: int


@dataclass(frozen=True)
class Frame:
    """One lane as an eye sees it. `arm` is 0 (closed) to 100 (open); `bodies` are (rider's name, front and length in
    mm, whether sent by hand, what they are doing)."""

    name: str
    way: str
    state: str
    arm: int
    lamp: str
    beams: tuple[int, ...]
    bodies: tuple[tuple[str, int, int, bool, str], ...]
    waiting: int


class Lane:
    """A plant and the device that drives it; a `Source` of the paced loop."""

    def __init__(self, station: "LiveStation", settings: dict[str, Any], way: str) -> None:
        self.name: str = settings["device"]
        self.station = station
        self.state = "dark"
        self.boots = 0
        self._false_starts = 0
        spec = station.specs.get(self.name) or LaneSpec(self.name, way)
        self.plant = spec.plant(station.scheduler, station.seed, "")
        self.device: ProcessDevice | InProcessDevice = station.make_device(settings, self._outputs)
        self.detector: str = settings.get("lane", {}).get("detector", "ordered")
        self.eye = Eye(self.plant)
        self.plant.post = self._post
        if isinstance(self.device, InProcessDevice):
            self.device.handled = self._touch

    def _outputs(self, t_ms: int, arm: int, lamp: int, sound: int, state: str) -> None:
        self.state = state
        self.plant.apply(t_ms, arm, lamp, sound)

    def _post(self, t_ms: int, kind: int, a: int | bytes, b: int) -> None:
        self.eye.told(t_ms, kind, a, b)
        self.device.post(t_ms, kind, a, b)

    def _touch(self) -> None:
        self.station.loop.touch(self)

    def power_on(self) -> None:
        """Give the plant its power and boot the device, which then learns of fire and broken beams."""
        self.plant.power(True)
        if isinstance(self.device, ProcessDevice):
            if self.device.process is None:
                self.device.spawn()
            try:
                self.device.connect()
            except DeviceDied as error:
                self._died(error)
                return
            self._touch()
        else:
            self.device.start()
        self.boots += 1
        self.plant.announce()

    def power_off(self) -> None:
        """SIGKILL, or its like in process; the lane goes dark."""
        taken_ms = self.device.taken_until_ms if isinstance(self.device, ProcessDevice) else None
        self.device.kill()
        self._touch()
        self.plant.power(False, taken_ms)
        self.state = "dark"

    def _died(self, error: DeviceDied) -> None:
        """The process ended: boot it again, unless it never gets as far as waiting for its first input."""
        assert isinstance(self.device, ProcessDevice)
        self._false_starts = 0 if self.device.served else self._false_starts + 1
        if self._false_starts == _FALSE_STARTS_MAX:
            raise error
        self.reboot()

    def reboot(self) -> None:
        """Power off now, on again a moment later."""
        self.power_off()
        self.station.scheduler.after(_REBOOT_MS, self.power_on)

    # -- Source

    def watched(self) -> tuple[Any, int] | None:
        if isinstance(self.device, ProcessDevice):
            return None if self.device.socket is None else (self.device.socket, 1)
        return self.device.poll()

    def ready(self) -> None:
        if isinstance(self.device, InProcessDevice):
            self.device.wake()
        elif self.device.socket is not None and not self.device.readable():
            self._died(self.device.died())

    def view(self) -> LaneView:
        pid = self.device.pid if isinstance(self.device, ProcessDevice) else None
        through = self.station.passed.get(self.name, 0)
        queue = self.station.world.queue_length(self.name)
        return LaneView(self.name, self.plant.way, self.state, through, queue, pid, self.boots)


class LiveStation:
    """`settings` per device as provisioned (with "simulator" for the scene's credential), `ways` per device; `specs`
    are those devices' lanes where they are not as LaneSpec has them.

    `folder` gets the truth, each device's storage and its log. Raises UserError and OSError as the parts do.
    """

    def __init__(
        self,
        settings: dict[str, dict[str, Any]],
        ways: dict[str, str],
        demand: Demand | None,
        folder: Path,
        *,
        seed: int,
        speed: int = 1,
        micropython: bool | None = None,
        shop: Shop | None = None,
        specs: Mapping[str, LaneSpec] | None = None,
        population: Population | None = None,
    ) -> None:
        self.scheduler = Scheduler()
        self.specs = specs or {}
        self.seed = seed
        self.speed = speed
        self.folder = folder
        self.micropython = micropython_available() if micropython is None else micropython
        self._epoch_start_ms = int(time.time() * 1000)
        self._server = PlantServer() if self.micropython else None
        self._bundle = bundle.build("emulated", folder / "bundle", witness=True) if self.micropython else None
        day_start_ms = settings["simulator"]["report"]["day_start_ms"]
        self.truth = TruthLog(folder / "truth.jsonl", self.epoch_of, day_start_ms)
        self.decisions = Decisions()
        self.passed: dict[str, int] = {}
        self.frames: dict[str, Frame] = {}
        """What an eye sees at each lane now; replaced, never changed, so any thread may read it."""
        self._by_hand: dict[str, str] = {}  # rider -> lane, of the last ones
        broker = settings["simulator"]["broker"]
        self._cables = Cables(broker["host"], int(broker["port"]))
        self.lanes = {name: Lane(self, self._cabled(settings[name]), way) for name, way in ways.items()}
        plants = [lane.plant for lane in self.lanes.values()]
        self.world = Station(
            self.scheduler, plants, demand, seed=seed, truth=self.truth, shop=shop, population=population
        )
        for name, lane in self.lanes.items():
            self.world.show(name, lane.eye)
        by_name = {lane.name: lane.plant for lane in self.lanes.values()}
        self.hands = Hands(self.scheduler, self.world, by_name, self.truth, self._cables)
        own = settings["simulator"]
        beams = {name: min(len(plant.geometry.beams), frame.BEAMS_MAX) for name, plant in by_name.items()}
        self.orders = Orders(own["site"], bytes.fromhex(own["key"]), beams)
        self._believed = self._carried_out = 0  # each is counted in one thread alone
        self.orders_unheard = 0
        self.loop = PacedLoop(self.scheduler, speed)
        layouts = {name: frame.layout(lane.plant, lane.detector) for name, lane in self.lanes.items()}
        self._scene = ScenePublisher(own, layouts, self._order)

    def _cabled(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The same settings, with the broker at the end of the device's own cable."""
        host, port = self._cables.lay(settings["device"])
        return {**settings, "broker": {**settings["broker"], "host": host, "port": port}}

    def _order(self, topic: str, payload: bytes) -> None:
        """In the broker's client's thread: believe it or not, and let the loop carry it out."""
        found = self.orders.take(topic, payload, int(time.time() * 1000))
        if found is None:
            return
        if self._believed - self._carried_out >= _ORDERS_MAX:
            self.orders_unheard += 1
            return
        self._believed += 1
        self.loop.post(partial(self._carry_out, *found))

    def _carry_out(self, device: str, order: Order) -> None:
        self._carried_out += 1
        self.hands.do(device, order)

    def epoch_of(self, t_ms: int) -> int:
        """Epoch ms of a virtual time."""
        return self._epoch_start_ms + t_ms

    def make_device(
        self, settings: dict[str, Any], outputs: Callable[[int, int, int, int, str], None]
    ) -> ProcessDevice | InProcessDevice:
        """A device of the kind that this station runs."""
        name = settings["device"]
        folder = self.folder / "devices" / name
        way = settings.get("lane", {}).get("way", "entry")
        heard = (lambda: self.scheduler.now_ms, "", name, way, self.decisions)
        if self._server is not None and self._bundle is not None:
            return ProcessDevice(
                self.scheduler,
                settings,
                outputs,
                self.epoch_of,
                server=self._server,
                bundle=self._bundle,
                folder=folder,
                speed=self.speed,
                clock=lambda: self.loop.virtual_ms(),
                main=bundle.WITNESS,
                decided=overheard(*heard),
            )
        folder.mkdir(parents=True, exist_ok=True)
        return InProcessDevice(
            self.scheduler,
            settings,
            outputs,
            self.epoch_of,
            seed=self.seed,
            folder=folder,
            link_factory=MqttLink,
            make_gate=witnessed(*heard),
        )

    def start(self) -> None:
        """Boot all devices, then let time run."""
        self._cables.start()
        self.loop.begin()
        lanes = list(self.lanes.values())
        for lane in lanes:
            if isinstance(lane.device, ProcessDevice):
                lane.device.spawn()  # side by side; power_on waits for each
        for lane in lanes:
            lane.power_on()
        self._frame()
        self.loop.start()

    def _frame(self) -> None:
        now_ms = self.scheduler.now_ms
        for name, lane in self.lanes.items():
            waiting = self.world.queue_length(name)
            if self._scene.connected:
                picture = lane.eye.picture(
                    now_ms, self.epoch_of(now_ms), lane.state, waiting, self.hands.on(name), self.speed
                )
                if picture is not None:
                    self._scene.publish(name, picture)
            scene = lane.plant.snapshot(now_ms)
            bodies = []
            for visit in self.world.visits(name):
                body = visit.body
                if body is not None:
                    own = visit.rider.id in self._by_hand
                    bodies.append((visit.rider.id, body.front_at(now_ms), body.shape.rear_mm, own, visit.state.name))
            self.frames[name] = Frame(
                name,
                lane.plant.way,
                lane.state,
                scene["arm"],
                scene["lamp"],
                tuple(scene["beams"]),
                tuple(bodies),
                waiting,
            )
        self.scheduler.after(_FRAME_MS * self.speed, self._frame)

    # -- from other threads

    def views(self) -> list[LaneView]:
        def look() -> list[LaneView]:
            expected = self.truth.expected()
            self.passed = {name: lane.passages + lane.tailgates for name, lane in expected.items()}
            return [lane.view() for lane in self.lanes.values()]

        return self.loop.call(look)

    def present(self, lane: str, medium: bytes, nonce: bytes, product: str | None, consent: bool | None) -> str:
        """Send a rider who holds `medium` to that lane's reader; the rider's name. ValueError for an unknown lane.

        `nonce`, `product` and `consent` are what the medium says to whoever can read it (None: nothing; then no gate
        lets its rider pass).
        """

        def change(rider: Rider) -> None:
            rider.carry(medium, nonce)
            if product is not None and consent is not None:
                rider.product, rider.consent = product, consent

        def send() -> str:
            rider = self.world.send(lane, change=change)
            self._by_hand[rider.id] = lane
            while len(self._by_hand) > _BY_HAND_KEPT:
                del self._by_hand[next(iter(self._by_hand))]
            return rider.id

        return self.loop.call(send)

    def outcome(self, rider: str) -> str | None:
        """What a rider did (a kind of simulator/truth.py); None while it is open."""

        def look() -> str | None:
            found = self.truth.outcome(rider)
            return None if found is None else found.kind

        return self.loop.call(look)

    def shopping(self) -> int:
        """Riders who have come and have no medium yet."""
        return self.loop.call(lambda: self.world.shopping)

    def riders_sent(self) -> int:
        return self.loop.call(lambda: self.world.riders_sent)

    def decided(self) -> dict[str, dict[str, int]]:
        """How often each gate decided what so far (simulator/study/witness.py)."""
        return self.loop.call(lambda: {lane: dict(counts) for lane, counts in self.decisions.by_lane.items()})

    def stop_arrivals(self) -> None:
        self.loop.call(self.world.stop_arrivals)

    def end_hands(self) -> None:
        """What is meddled with ends, and no order is carried out any more. Nothing where time has ended already."""
        if self.loop.running:
            self.loop.call(self.hands.end)

    def outcomes(self) -> dict[str, int]:
        """What the riders did so far, by kind."""
        return self.loop.call(self.truth.counts)

    def idle(self) -> bool:
        """No rider is waiting or in a lane."""
        return self.loop.call(self.world.idle)

    def micropython_processes(self) -> int:
        """Devices that are running processes now and said themselves that they run on MicroPython."""
        if self._server is None:
            return 0
        runtimes = self._server.runtimes
        return sum(
            1
            for lane in self.lanes.values()
            if isinstance(lane.device, ProcessDevice)
            and lane.device.process is not None
            and lane.device.process.poll() is None
            and runtimes.get(lane.name) == "micropython"
        )

    @property
    def heap_limit_bytes(self) -> int | None:
        """The heap each device runs under; None in process, where nothing limits it."""
        return config.HEAP_LIMIT_BYTES if self.micropython else None

    def close(self) -> None:
        """End time, then the devices, cleanly; what was held by hand is let go first."""
        with ExitStack() as closing:
            for last in (self.truth.close, self._cables.close, self._scene.close):
                closing.callback(last)
            if self._server is not None:
                closing.callback(self._server.close)
            for lane in self.lanes.values():
                closing.callback(lane.device.stop)
            closing.callback(self.loop.stop)
            self.end_hands()
