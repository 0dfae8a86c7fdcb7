"""From a checked scenario to a run: lanes, arms, beams, riders, counts.

Does not belong here: reading files of scenarios (load.py), running (simulator/study/run.py).
"""

from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

from simulator.errors import UserError
from simulator.plant import makes
from simulator.plant.channel import Noise
from simulator.plant.faults import Fault, Faults, Rate
from simulator.plant.geometry import Beam, Geometry
from simulator.plant.makes import ArmKind
from simulator.scenario.models import ALL_STATIONS, ArmPart, DemandPart, LanePart, Scenario
from simulator.study.spec import LaneSpec, Spec, StationSpec
from simulator.world.counts import HourlyProfile, constant_profile, load_profile, metro_day, read_file
from simulator.world.demand import ENTRY, EXIT, Demand
from simulator.world.population import Population

# Riders hold the medium out so far from their fronts; the next one waits so far behind who is at the reader.
_REACH_MM, _NEXT_MM, _AWAY_MM = 200, 700, 550


def build(scenario: Scenario, folder: Path, seed: int | None = None) -> Spec:
    """The run that the scenario asks for; `folder` is where its file lies, for counts named in it. Raises UserError."""
    head = scenario.scenario
    midnight = datetime.strptime(scenario.demand.date, "%Y-%m-%d").replace(tzinfo=UTC)
    report = scenario.report
    return Spec(
        name=head.name,
        seed=head.seed if seed is None else seed,
        epoch_start_ms=int(midnight.timestamp() * 1000) + head.start_ms,
        duration_ms=round(head.duration_min * 60_000),
        stations=tuple(_stations(scenario, folder)),
        population=Population(
            scenario.population.kinds,
            scenario.behaviours,
            scenario.population.consent,
            scenario.population.day_pass,
            scenario.population.unprepared,
            scenario.population.search_s,
            scenario.population.tap_ms,
        ),
        fires=tuple((round(event.at_min * 60_000), round(event.for_s * 1000)) for event in scenario.event),
        report={
            "send_at_once": report.send_at_once,
            "interval_ms": report.interval_s * 1000,
            "tally_min": report.tally_min,
            "outbox_records": 100_000,
        },
    )


def _stations(scenario: Scenario, folder: Path) -> list[StationSpec]:
    demand = scenario.demand
    if demand.station != ALL_STATIONS:
        lanes = tuple(lane for part in scenario.lane for lane in lane_specs(part, scenario))
        own = {
            name: _demand(scenario, constant_profile(part.entries_per_h or 0.0, part.exits_per_h or 0.0))
            for part in scenario.lane
            for name in part.names
            if part.entries_per_h is not None or part.exits_per_h is not None
        }
        return [StationSpec("", lanes, _demand(scenario, _profile(demand, folder)), own)]
    found = []
    for name, profile in _all_profiles(demand, folder).items():
        own_demand = _demand(scenario, profile)
        ways = _ways(own_demand, scenario.scenario.duration_min, demand.riders_per_lane_min)
        pattern = scenario.lane[0].model_copy(update={"count": 1})
        lanes = tuple(
            lane
            for way, count in ways
            for number in range(1, count + 1)
            for lane in lane_specs(pattern.model_copy(update={"name": f"{way}-{number}", "way": way}), scenario)
        )
        if lanes:
            found.append(StationSpec(name, lanes, own_demand))
    return found


def _ways(demand: Demand, duration_min: float, riders_per_lane_min: float) -> list[tuple[str, int]]:
    """How many lanes of each way a station needs so that its busiest quarter hour brings a lane no more than that."""
    found = []
    for way in (ENTRY, EXIT):
        busiest = demand.busiest_per_minute(way, round(duration_min * 60_000))
        if busiest > 0:
            found.append((way, max(1, ceil(busiest / riders_per_lane_min))))
    return found


def _all_profiles(demand: DemandPart, folder: Path) -> dict[str, HourlyProfile]:
    if demand.file is None:
        try:
            profiles, _ = metro_day(demand.date)
        except ValueError as error:
            raise UserError(f"demand.date: {error}") from None
        return profiles
    counts = read_file(folder / demand.file)
    found = {station: profile for (station, date), profile in sorted(counts.items()) if date == demand.date}
    if not found:
        dates = sorted({date for _, date in counts})
        raise UserError(f"{folder / demand.file} has no counts of {demand.date}; it has {_some(dates)}.")
    return found


def _profile(demand: DemandPart, folder: Path) -> HourlyProfile:
    if demand.entries_per_h is not None or demand.exits_per_h is not None:
        return constant_profile(demand.entries_per_h or 0.0, demand.exits_per_h or 0.0)
    if demand.file is None:
        try:
            return load_profile(demand.station, demand.date)
        except ValueError as error:
            raise UserError(f"demand: {error}") from None
    counts = read_file(folder / demand.file)
    if (demand.station, demand.date) not in counts:
        known = sorted(f"{station} on {date}" for station, date in counts)
        raise UserError(
            f"{folder / demand.file} has no counts of {demand.station} on {demand.date}; it has {_some(known)}."
        )
    return counts[demand.station, demand.date]


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _demand(scenario: Scenario, profile: HourlyProfile) -> Demand:
    start_min = scenario.scenario.start_ms // 60_000
    demand = scenario.demand
    return Demand(
        profile,
        start_hour=start_min // 60,
        start_min=start_min % 60,
        scale=demand.scale,
        smooth=profile.station != "constant",
        headway_s=demand.train_headway_s,
        spread_s=demand.train_spread_s,
    )


def lane_specs(part: LanePart, scenario: Scenario) -> list[LaneSpec]:
    """The lanes that one [[lane]] table stands for."""
    noise = part.noise
    options = {
        "noise": Noise(**noise.model_dump()),
        "misread": part.reader.misread,
        "reader_delay_ms": part.reader.delay_ms,
    }
    return [
        LaneSpec(
            name=name,
            way=part.way,
            geometry=geometry(part),
            arm=make_arm(part.arm, scenario.arm),
            detector=part.detector,
            release_ms=round(part.release_s * 1000),
            refuse_ms=round(part.refuse_s * 1000),
            plant_options={**options, "breaks": _faults(name, scenario)},
        )
        for name in part.names
    ]


def geometry(part: LanePart) -> Geometry:
    """Where that lane's beams and arm are. Unless given, the arm stands in the middle of the beams."""
    beams = tuple(Beam(round(beam.x_m * 1000), round(beam.z_m * 1000)) for beam in part.places)
    last_mm = beams[-1].x_mm
    arm_mm = last_mm // 2 if part.arm_x_m is None else round(part.arm_x_m * 1000)
    if last_mm == 0 and part.arm_x_m is None:
        arm_mm = 225  # all beams in one place: the arm behind them, as far as in a lane of four
    # The reader stands where the lane begins: the farther it reads, the farther from it riders stop.
    stand_mm = -_REACH_MM - round(part.reader.range_m * 1000)
    return Geometry(beams, arm_mm, stand_mm, stand_mm - _NEXT_MM, max(last_mm, arm_mm) + _AWAY_MM)


def make_arm(name: str, own: dict[str, ArmPart]) -> ArmKind:
    """A known make of arm, or one of the scenario's own."""
    part = own.get(name)
    if part is None:
        return makes.KINDS[name]
    changes = {
        key.replace("_m", "_mm") if key in ("height_m", "clearance_m", "backcock_m") else key: (
            round(value * 1000) if key in ("height_m", "clearance_m", "backcock_m") else value
        )
        for key, value in part.model_dump(exclude={"kind"}, exclude_none=True).items()
    }
    return replace(makes.KINDS[part.kind], **changes)


def _faults(lane: str, scenario: Scenario) -> Faults | None:
    script = tuple(
        Fault(round(fault.at_min * 60_000), max(1, round(fault.for_min * 60_000)), fault.what, fault.beam)
        for fault in scenario.fault
        if fault.lane == lane
    )
    rates = tuple(
        Rate(rate.what, rate.mtbf_h, rate.repair_min) for rate in scenario.fault_rate if rate.lane in (None, lane)
    )
    return Faults(script, rates) if script or rates else None
