"""A station on virtual time with the real firmware, a network in memory and hands: what their tests share."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from simulator.byhand.hands import Hands
from simulator.clock import Scheduler
from simulator.devices.in_process import InProcessDevice, MemoryStorage
from simulator.plant.geometry import Geometry
from simulator.plant.lane import LanePlant
from simulator.plant.makes import PADDLE, ArmKind
from simulator.reckoning import Reckoning, reckon
from simulator.scene.eye import Eye
from simulator.study.witness import Decisions, witnessed
from simulator.testing.far_end import FarEnd
from simulator.testing.link import Ledger, MemoryLink
from simulator.truth import TruthLog
from simulator.world.demand import Demand
from simulator.world.population import Population
from simulator.world.station import Station

EPOCH_MS = 1_754_399_700_000  # on a quarter of an hour, at 13:15
KEY = "11" * 32


class Gate:
    """One lane: its plant, its firmware and what that has told."""

    def __init__(self, scheduler: Scheduler, name: str, way: str, lane: Mapping[str, Any], **plant: Any) -> None:
        self.plant = LanePlant(scheduler, name=name, way=way, **plant)
        self.eye = Eye(self.plant)
        self.ledger = Ledger()
        self.state = "dark"
        settings = {
            "site": "north",
            "device": name,
            "class": "emulated",
            "key": KEY,
            "broker": {"host": "nowhere", "port": 1, "user": "u", "password": "p"},
            "lane": {"way": way, **lane},
            "report": {"interval_ms": 10_000, "tally_min": 1},
        }
        self.far_end = FarEnd(scheduler, site="north", device=name, key=bytes.fromhex(KEY), latency_ms=5, answers=True)
        self.decisions = Decisions()
        self.storage = MemoryStorage()
        self.device = InProcessDevice(
            scheduler,
            settings,
            self._outputs,
            lambda t_ms: EPOCH_MS + t_ms,
            seed=1,
            storage=self.storage,
            make_gate=witnessed(lambda: scheduler.now_ms, "", name, way, self.decisions),
            link_factory=partial(MemoryLink, self.far_end, self.ledger),
        )
        self.far_end.wake = self.device.wake
        self.plant.post = self._post

    def _outputs(self, t_ms: int, arm: int, lamp: int, sound: int, state: str) -> None:
        self.state = state
        self.plant.apply(t_ms, arm, lamp, sound)

    def _post(self, t_ms: int, kind: int, a: int | bytes, b: int) -> None:
        self.eye.told(t_ms, kind, a, b)
        self.device.post(t_ms, kind, a, b)

    def start(self) -> None:
        self.plant.power(True)
        self.device.start()
        self.plant.announce()


class World:
    """Gates, riders and hands. `lanes`: by name the way, the firmware's lane settings and the plant's options."""

    def __init__(
        self,
        lanes: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]],
        *,
        seed: int = 7,
        demand: Demand | None = None,
        population: Population | None = None,
    ) -> None:
        self.scheduler = Scheduler()
        self.gates = {
            name: Gate(self.scheduler, name, way, lane, **plant) for name, (way, lane, plant) in lanes.items()
        }
        self.truth = TruthLog(None, lambda t_ms: EPOCH_MS + t_ms)
        plants = {name: gate.plant for name, gate in self.gates.items()}
        self.station = Station(self.scheduler, plants.values(), demand, seed, self.truth, population=population)
        self.hands = Hands(self.scheduler, self.station, plants, self.truth, self)
        for name, gate in self.gates.items():
            self.station.show(name, gate.eye)
            gate.start()
        self.run(500)

    # -- hands.Network

    def cut(self, device: str) -> None:
        self.gates[device].far_end.cut(True)

    def mend(self, device: str) -> None:
        self.gates[device].far_end.cut(False)

    # -- time

    def run(self, for_ms: int) -> None:
        self.scheduler.run_until(self.scheduler.now_ms + for_ms)

    def finish(self) -> None:
        """No hands, no riders; all go home, and the last interval closes."""
        self.hands.end()
        self.station.stop_arrivals()
        for _ in range(1_000):
            if self.station.idle():
                break
            self.run(1_000)
        assert self.station.idle(), "riders are stuck"
        self.run(60_000)

    # -- what came of it

    def records(self, device: str) -> list[dict[str, Any]]:
        return list(self.gates[device].ledger.records.values())

    def facts(self) -> dict[str, Any]:
        passages, spent = [], set()
        tallied: dict[str, Counter[str]] = {}
        irregular: Counter[tuple[str, str]] = Counter()
        for name in self.gates:
            for record in self.records(name):
                if record["kind"] == "passage":
                    passages.append((name, record["way"], record["handle"]))
                elif record["kind"] == "tally":
                    counts = {key: value for key, value in record.items() if isinstance(value, int)}
                    tallied.setdefault(name, Counter()).update(counts)
                elif record["kind"] == "irregular":
                    irregular[name, record["what"]] += 1
                elif record["kind"] == "spent":
                    spent |= set(record["nullifiers"])
        return {"passages": passages, "tallied": tallied, "irregular": irregular, "spent": spent}

    def decided(self) -> dict[str, Counter[str]]:
        return {name: gate.decisions.by_lane.get(name, Counter()) for name, gate in self.gates.items()}

    def reckoning(self, **facts: Any) -> Reckoning:
        return reckon(self.truth.expected(), {**self.facts(), **facts}, decided=self.decided())

    def outcomes(self) -> dict[str, int]:
        return {kind: count for kind, count in self.truth.counts().items() if count}


PAGED: dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "gate-1": ("entry", {}, {}),
    "gate-2": ("exit", {}, {}),
}


def lane(
    way: str = "entry", arm: ArmKind = PADDLE, geometry: Geometry | None = None, **settings: Any
) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """One lane of a World."""
    return way, settings, {"arm": arm, "geometry": geometry}
