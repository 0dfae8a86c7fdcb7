"""What a run consists of, as plain data: stations, lanes, riders, time. Built by hand or from a scenario file.

Does not belong here: reading and checking what people write (simulator/scenario), running (run.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.clock import Scheduler
from simulator.plant.geometry import Geometry
from simulator.plant.lane import LanePlant
from simulator.plant.makes import PADDLE, ArmKind
from simulator.world.demand import Demand
from simulator.world.population import Population, plain_population

ORDERED, SINGLE, PROFILE = "ordered", "single", "profile"
DETECTORS = (SINGLE, ORDERED, PROFILE)

# The key seals messages; a study's gates send none.
_NO_KEY = "00" * 32


@dataclass(frozen=True)
class LaneSpec:
    """One lane: its hardware, and what its firmware is told of it. Times in ms.

    `identity` is what provisioning gave its device (site, key, broker); without it the device belongs to a study, and
    has no network.
    """

    name: str
    way: str = "entry"
    geometry: Geometry = field(default_factory=Geometry)
    arm: ArmKind = PADDLE
    detector: str = ORDERED
    release_ms: int = 5000
    refuse_ms: int = 1500
    plant_options: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)

    def plant(self, scheduler: Scheduler, seed: int, station: str) -> LanePlant:
        """The lane's hardware; what is drawn by chance in it belongs to this seed, station and lane alone."""
        name = f"{station}/{self.name}" if station else self.name
        return LanePlant(
            scheduler,
            self.geometry,
            name=self.name,
            way=self.way,
            arm=self.arm,
            seed=seed,
            identity=name,
            **self.plant_options,
        )

    def settings(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """The device's settings, as its settings.json would hold them."""
        beams = self.geometry.beams
        lane: dict[str, Any] = {
            "way": self.way,
            "detector": self.detector,
            "beams": len(beams),
            "release_ms": self.release_ms,
            "refuse_ms": self.refuse_ms,
        }
        if self.detector == PROFILE:
            lane["layout"] = [[beam.x_mm, beam.z_mm] for beam in beams]
        return {
            "site": "study",
            "device": self.name,
            "class": "emulated",
            "key": _NO_KEY,
            "broker": None,
            "lane": lane,
            "report": dict(report),
            **self.identity,
        }


@dataclass(frozen=True)
class StationSpec:
    """One gateline. `own_demand` gives lanes, by name, riders of their own."""

    name: str
    lanes: tuple[LaneSpec, ...]
    demand: Demand | None
    own_demand: Mapping[str, Demand] = field(default_factory=dict)


@dataclass(frozen=True)
class Spec:
    """A whole run. `fires` are (at_ms, for_ms) of releases to all; `report` is the firmware's section of settings."""

    name: str
    seed: int
    epoch_start_ms: int
    duration_ms: int
    stations: tuple[StationSpec, ...]
    population: Population = field(default_factory=plain_population)
    fires: tuple[tuple[int, int], ...] = ()
    report: Mapping[str, Any] = field(
        default_factory=lambda: {"send_at_once": True, "interval_ms": 900_000, "outbox_records": 100_000}
    )
