"""What the fixtures give: makers of lanes, with every argument spelled out.

Does not belong here: pytest's hooks (plugin.py), lanes themselves (simulator/testing).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.testing.lane import Lane
from simulator.testing.live import CONNECT_S, LiveLane, broker_of, settings_of
from simulator.testing.make import KEY, NAME, SITE, Asked, Beams, spec_of
from simulator.testing.virtual import LATENCY_MS, VirtualLane

__all__ = ["LiveGateLane", "MakeGateLane"]


class MakeGateLane:
    """Makes lanes on virtual time. They end with the test."""

    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = lanes

    def __call__(
        self,
        name: str = NAME,
        *,
        way: str = "entry",
        arm: str = "paddle",
        detector: str = "ordered",
        beams: Beams = None,
        noise: Mapping[str, float] | None = None,
        misread: float = 0.0,
        release_s: float = 5.0,
        refuse_s: float = 1.5,
        scenario: str | Path | None = None,
        lane: str | None = None,
        seed: int | None = None,
        site: str = SITE,
        key: bytes = KEY,
        report: Mapping[str, Any] | None = None,
        passes: Mapping[str, Any] | None = None,
        starts_at: datetime | None = None,
        latency_ms: int = LATENCY_MS,
        answers: bool = True,
    ) -> VirtualLane:
        """A lane of one's own.

        The hardware, in the words of a scenario's [[lane]]: `way` "entry" or "exit"; `arm` "paddle", "tripod", "flap",
        "full_height", "wide" or "none"; `detector` "ordered", "single" or "profile"; `beams` how many, or where (m
        along the lane, or (along, above the floor)); `noise` as in [lane.noise]; `misread` the share of presentations
        that the reader does not read. Or `scenario`, a file, and `lane`, which of its lanes.

        `seed` decides all that happens by chance (1, or the scenario's). `site`, `name` and `key` are who the device
        is; `report` and `passes` its settings of these names (docs/settings.md). `starts_at` is what its clock says at
        first. `latency_ms` is each way's of the network; with `answers=False` no gateway says `stored`.
        """
        asked = Asked(
            name=name,
            way=way,
            arm=arm,
            detector=detector,
            beams=beams,
            noise=noise,
            misread=misread,
            release_s=release_s,
            refuse_s=refuse_s,
            scenario=scenario,
            lane=lane,
            seed=seed,
            site=site,
            key=key,
            report=report,
            passes=passes,
            starts_at=starts_at,
        )
        made = VirtualLane(*spec_of(asked), latency_ms=latency_ms, answers=answers)
        self._lanes.append(made)
        return made


class LiveGateLane:
    """Makes lanes in real time before a broker. They end with the test."""

    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = lanes

    def __call__(
        self,
        broker: str | None = None,
        *,
        settings: Mapping[str, Any] | str | Path | None = None,
        name: str = NAME,
        way: str = "entry",
        arm: str = "paddle",
        detector: str = "ordered",
        beams: Beams = None,
        noise: Mapping[str, float] | None = None,
        misread: float = 0.0,
        release_s: float = 5.0,
        refuse_s: float = 1.5,
        seed: int | None = None,
        site: str = SITE,
        key: bytes = KEY,
        report: Mapping[str, Any] | None = None,
        speed: int = 1,
        connect_s: float = CONNECT_S,
    ) -> LiveLane:
        """A lane before `broker`, "mqtt://user:password@host:port". It is connected when this returns.

        `settings` are a device's as `gateline device add` prints them, or the file with them: who the device is, its
        key, its broker unless given. `speed` makes its time run faster than real time, also that of its MQTT client.
        The rest is as for `make_gate_lane`.
        """
        found: Mapping[str, Any] = {}
        if settings is not None:
            found = settings_of(settings)
            name, site, key = found["device"], found["site"], bytes.fromhex(found["key"])
        address = broker_of(broker, site, name) if broker is not None else found.get("broker")
        if address is None:
            raise ValueError('say where the broker is: live_gate_lane("mqtt://user:password@host:port")')
        asked = Asked(
            name=name,
            way=way,
            arm=arm,
            detector=detector,
            beams=beams,
            noise=noise,
            misread=misread,
            release_s=release_s,
            refuse_s=refuse_s,
            seed=seed,
            site=site,
            key=key,
            report={**found.get("report", {}), **(report or {})},
            passes=found.get("passes"),
            starts_at=datetime.now(UTC),
            broker=address,
        )
        made = LiveLane(*spec_of(asked), speed=speed, connect_s=connect_s)
        self._lanes.append(made)
        return made
