"""A lane from what a test asks for: by arguments, or out of a scenario file.

A lane is described in a scenario's words ([[lane]]), and checked by a scenario's rules. Whatever is wrong is a
ValueError (for a scenario file a UserError) that says what was given and what is allowed.

Rules: emulated devices only, whatever settings are handed in. Does not belong here: running (virtual.py, live.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware import config
from simulator.plant.faults import Faults
from simulator.scenario.build import build
from simulator.scenario.load import check, load
from simulator.scenario.models import Scenario
from simulator.study.spec import LaneSpec, Spec
from simulator.world.demand import PEAK_STATION

NAME, SITE = "gate-1", "test"
KEY = bytes(range(32))
"""The key of a lane that was given none: known to everybody, so that a consumer can check seals."""

REPORT: Mapping[str, Any] = {"send_at_once": True, "interval_ms": 60_000, "tally_min": 1, "outbox_records": 512}
"""Short intervals that hold a single passage: a test should not need ten riders. Emulated sites may."""

IN_MEMORY = {"host": "in-memory", "port": 1883, "user": "device", "password": "none"}
"""A broker that is never dialled."""

# Four columns at three heights: ankle, thigh, chest.
_PROFILE = tuple((x_m, z_m) for x_m in (0.0, 0.15, 0.30, 0.45) for z_m in (0.2, 0.55, 1.2))

Beams = int | Sequence[float] | Sequence[tuple[float, float]] | None
"""How many in a row; or their places in m along the lane; or (along the lane, above the floor)."""


@dataclass(frozen=True)
class Asked:
    """What a test asks for; see `spec_of`."""

    name: str = NAME
    way: str = "entry"
    arm: str = "paddle"
    detector: str = "ordered"
    beams: Beams = None
    noise: Mapping[str, float] | None = None
    misread: float = 0.0
    release_s: float = 5.0
    refuse_s: float = 1.5
    scenario: str | Path | None = None
    lane: str | None = None
    seed: int | None = None
    site: str = SITE
    key: bytes = KEY
    report: Mapping[str, Any] | None = None
    passes: Mapping[str, Any] | None = None
    starts_at: datetime | None = None
    broker: Mapping[str, Any] | None = None


def spec_of(asked: Asked) -> tuple[Spec, LaneSpec]:
    """The run and its one lane. Nobody comes but who is sent; a scenario's faults and fires happen at their minute."""
    if asked.scenario is None:
        if asked.lane is not None:
            raise ValueError("lane= names a lane of a scenario: say which with scenario=, or name this one with name=")
        scenario, folder = _scenario_of(asked), Path()
    else:
        changed = [name for name in _DESCRIBES if getattr(asked, name) != getattr(_NOTHING, name)]
        if changed:
            raise ValueError(f"the scenario describes the lane; leave out {', '.join(changed)}, or leave out scenario")
        folder = Path(asked.scenario).parent
        scenario = load(Path(asked.scenario))
    spec = build(_without_demand(scenario), folder, asked.seed)
    spec = replace(spec, report={**(REPORT if asked.scenario is None else spec.report), **(asked.report or {})})
    if asked.starts_at is not None:
        if asked.starts_at.tzinfo is None:
            raise ValueError("starts_at needs a time zone, such as datetime(2025, 8, 14, 8, tzinfo=UTC)")
        spec = replace(spec, epoch_start_ms=int(asked.starts_at.timestamp() * 1000))
    lane = _chosen(asked, spec.stations[0].lanes)
    identity = {"site": asked.site, "key": asked.key.hex(), "broker": dict(asked.broker or IN_MEMORY)}
    identity["passes"] = dict(asked.passes or {})
    options = dict(lane.plant_options)
    # Even an empty plan of faults makes a lane to which faults can happen.
    options["breaks"] = options.get("breaks") or Faults()
    lane = replace(lane, plant_options=options, identity=identity)
    try:
        config.Settings(lane.settings(spec.report))
    except config.SettingsError as error:
        raise ValueError(str(error)) from None
    return spec, lane


_DESCRIBES = ("name", "way", "arm", "detector", "beams", "noise", "misread", "release_s", "refuse_s")
_NOTHING = Asked()


def _scenario_of(asked: Asked) -> Scenario:
    lane: dict[str, Any] = {
        "name": asked.name,
        "way": asked.way,
        "arm": asked.arm,
        "detector": asked.detector,
        "release_s": asked.release_s,
        "refuse_s": asked.refuse_s,
        "noise": dict(asked.noise or {}),
        "reader": {"misread": asked.misread},
        **_beams(asked),
    }
    head = {"name": "test", "seed": 1, "start": "08:00"}
    scenario, problems = check({"scenario": head, "lane": [lane]}, {}, Path())
    if scenario is None or problems:
        raise ValueError("; ".join(_sentence(each.key, each.text) for each in problems))
    return scenario


def _beams(asked: Asked) -> dict[str, Any]:
    beams = asked.beams
    if beams is None:
        if asked.detector != "profile":
            return {}
        beams = _PROFILE
    if isinstance(beams, int):
        return {"beam_count": beams}
    places = [beam if isinstance(beam, tuple) else (beam,) for beam in beams]
    if any(not 1 <= len(place) <= 2 for place in places):
        raise ValueError(f"a beam is where it is along the lane, in m, or (along the lane, above the floor): {beams!r}")
    return {"beams": [dict(zip(("x_m", "z_m"), place, strict=False)) for place in places]}


def _sentence(key: str, text: str) -> str:
    key = key.removeprefix("lane[0]").removeprefix(".")
    for inside, outside in (("reader.misread", "misread"), ("beam_count", "beams")):
        key = outside if key == inside else key
    return f"{key}: {text}" if key else text


def _without_demand(scenario: Scenario) -> Scenario:
    nobody = {"station": PEAK_STATION, "file": None, "entries_per_h": 0.0, "exits_per_h": 0.0}
    return scenario.model_copy(update={"demand": scenario.demand.model_copy(update=nobody)})


def _chosen(asked: Asked, lanes: Sequence[LaneSpec]) -> LaneSpec:
    names = [lane.name for lane in lanes]
    if asked.lane is None and len(lanes) > 1:
        raise ValueError(f"{asked.scenario} has {len(lanes)} lanes; say which with lane=: {', '.join(names)}")
    name = names[0] if asked.lane is None else asked.lane
    if name not in names:
        raise ValueError(f"{asked.scenario} has no lane {name!r}; its lanes are {', '.join(names)}")
    return lanes[names.index(name)]
