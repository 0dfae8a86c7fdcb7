"""What a scenario file may say. Units are in the names: `_s`, `_min`, `_h`, `_m`, `_mm`, `_ms`; shares are 0 to 1.

Rules: unknown keys are errors; nothing here reads files or makes lanes (load.py, build.py). docs/scenarios.md lists all
of it, and a test compares.
"""

import re
from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from simulator.plant import arm as arms
from simulator.plant import faults
from simulator.study.spec import ORDERED, PROFILE, SINGLE
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.demand import PEAK_DATE, PEAK_STATION

ALL_STATIONS = "all"

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Any table of a scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Head(Part):
    """Who and when. `start` is the local time of day at which the run begins."""

    name: Name
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 1
    start: str = "18:00"
    duration_min: Annotated[float, Field(gt=0, le=7 * 24 * 60)] = 60

    @field_validator("start")
    @classmethod
    def _time(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError('a time of day such as "18:00"')
        return value

    @property
    def start_ms(self) -> int:
        """After midnight."""
        hours, minutes = self.start.split(":")
        return (int(hours) * 60 + int(minutes)) * 60_000


class DemandPart(Part):
    """How many come: a station's real counts, those of a file, or a constant flow (`entries_per_h`, `exits_per_h`)."""

    station: str = PEAK_STATION
    date: str = PEAK_DATE
    file: str | None = None
    scale: NotNegative = 1.0
    entries_per_h: NotNegative | None = None
    exits_per_h: NotNegative | None = None
    train_headway_s: NotNegative = 0.0
    train_spread_s: Positive = 40.0
    riders_per_lane_min: Positive = 18.0

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        constant = self.entries_per_h is not None or self.exits_per_h is not None
        if constant and (self.file is not None or self.model_fields_set & {"station", "date"}):
            raise ValueError("give either counts (station, date, file) or a constant flow (entries_per_h, exits_per_h)")
        return self


class PopulationPart(Part):
    """Who comes: shares of kinds of riders, which add up to 1, of two choices, and of those who search for their medium
    only at the reader. `tap_ms` replaces the usual mixture of tap times by one."""

    adult: Share | None = None
    backpack: Share = 0.0
    suitcase: Share = 0.0
    pram: Share = 0.0
    wheelchair: Share = 0.0
    bicycle: Share = 0.0
    child: Share = 0.0
    child_by_hand: Share = 0.0
    umbrella: Share = 0.0
    dog: Share = 0.0
    consent: Share = 0.55
    day_pass: Share = 0.30
    unprepared: Share = 0.0
    search_s: tuple[NotNegative, NotNegative] = (1.0, 4.0)
    tap_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None

    @property
    def kinds(self) -> dict[str, float]:
        """Shares by kind; adults are what the others leave, unless given."""
        others = {kind: getattr(self, kind) for kind in bodies.KINDS if kind != bodies.ADULT}
        adult = self.adult if self.adult is not None else 1.0 - sum(others.values())
        return {bodies.ADULT: adult, **{kind: share for kind, share in others.items() if share}}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.search_s[0] > self.search_s[1]:
            raise ValueError(f"search_s needs its smaller end first, not {list(self.search_s)}")
        total = sum(self.kinds.values())
        if self.kinds[bodies.ADULT] < -1e-9 or abs(total - 1.0) > 1e-6:
            others = total if self.adult is not None else 1.0 - self.kinds[bodies.ADULT]
            raise ValueError(
                f"the shares of kinds of riders add up to {others:g}; they must add up to 1 (or leave out adult)"
            )
        return self


class ArmPart(Part):
    """A make of arm of one's own: a known kind, and what is different about it."""

    kind: Literal["paddle", "tripod", "flap", "full_height", "wide", "none"]
    opening_ms: Annotated[int, Field(ge=1)] | None = None
    closing_ms: Annotated[int, Field(ge=1)] | None = None
    passable: Annotated[int, Field(ge=0, le=100)] | None = None
    moving_mass_kg: NotNegative | None = None
    holding_force_n: NotNegative | None = None
    height_m: NotNegative | None = None
    clearance_m: NotNegative | None = None
    backcock_m: NotNegative | None = None
    safety: Literal["reopen", "stop", "none"] | None = None
    pace: Annotated[float, Field(ge=0.1, le=1)] | None = None


class BeamPart(Part):
    """A beam across the lane, `x_m` along it from the first, `z_m` above the floor."""

    x_m: NotNegative
    z_m: NotNegative = 0.9


class NoisePart(Part):
    """How good the beams are; rates per beam."""

    debounce_ms: Annotated[int, Field(ge=0, le=5000)] = 0
    latency_ms: Annotated[int, Field(ge=0, le=5000)] = 0
    dust_per_h: NotNegative = 0.0
    dust_ms: Positive = 40.0
    sunlight_per_h: NotNegative = 0.0
    sunlight_ms: Positive = 80.0
    misalignment_mm: Annotated[int, Field(ge=-200, le=200)] = 0


class ReaderPart(Part):
    """The reader: the share of presentations that it does not read."""

    misread: Annotated[float, Field(ge=0, lt=1)] = 0.0


class LanePart(Part):
    """A lane, or `count` equal ones (then named name-1, name-2, ...)."""

    name: Name
    count: Annotated[int, Field(ge=1, le=200)] = 1
    way: Literal["entry", "exit"] = "entry"
    arm: str = "paddle"
    arm_x_m: NotNegative | None = None
    detector: Literal["single", "ordered", "profile"] = "ordered"
    beams: tuple[BeamPart, ...] | None = None
    beam_count: Annotated[int, Field(ge=1, le=24)] | None = None
    beam_gap_m: Positive = 0.15
    beam_z_m: NotNegative = 0.9
    release_s: Annotated[float, Field(ge=0.1, le=3600)] = 5.0
    refuse_s: Annotated[float, Field(ge=0.1, le=3600)] = 1.5
    entries_per_h: NotNegative | None = None
    exits_per_h: NotNegative | None = None
    noise: NoisePart = NoisePart()
    reader: ReaderPart = ReaderPart()

    @property
    def names(self) -> list[str]:
        """The names of the lanes that this table stands for."""
        return [self.name] if self.count == 1 else [f"{self.name}-{n}" for n in range(1, self.count + 1)]

    @property
    def places(self) -> tuple[BeamPart, ...]:
        """The beams, given one by one or as a row."""
        if self.beams is not None:
            return self.beams
        count = self.beam_count or (1 if self.detector == SINGLE else 4)
        return tuple(BeamPart(x_m=round(n * self.beam_gap_m, 3), z_m=self.beam_z_m) for n in range(count))

    @model_validator(mode="after")
    def _beams_fit(self) -> Self:
        if self.beams is not None and self.beam_count is not None:
            raise ValueError("give either beams or beam_count, not both")
        places = self.places
        xs = [beam.x_m for beam in places]
        if not places or xs[0] != 0:
            raise ValueError("the first beam must be at x_m = 0.0: lanes are measured from it")
        if xs != sorted(xs):
            raise ValueError("beams must be given in the order in which riders meet them (x_m growing)")
        if len(set(places)) != len(places):
            raise ValueError("two beams are in the same place")
        if len(places) > 24:
            raise ValueError(f"a lane has at most 24 beams, not {len(places)}")
        if self.detector == SINGLE and len(places) != 1:
            raise ValueError(f'detector = "single" works with exactly 1 beam, not {len(places)}')
        if self.detector == ORDERED and len(places) < 2:
            raise ValueError('detector = "ordered" needs at least 2 beams to tell a direction')
        if self.detector == ORDERED and len(set(xs)) != len(xs):
            raise ValueError('detector = "ordered" needs each beam further along than the one before (x_m)')
        heights = {beam.z_m for beam in places}
        if self.detector == PROFILE and not (8 <= len(places) <= 24 and 2 <= len(heights) <= 3):
            raise ValueError(
                f'detector = "profile" needs 8 to 24 beams at 2 or 3 heights (z_m), not {len(places)} at {len(heights)}'
            )
        return self


class FaultPart(Part):
    """Something breaks: at a minute of the run, for so long, in a lane."""

    at_min: NotNegative
    for_min: Positive
    what: Literal["beam_stuck_on", "beam_stuck_off", "reader_dead", "arm_jammed", "power_cut", "network_cut"]
    lane: str
    beam: Annotated[int, Field(ge=0, le=23)] = 0


class FaultRatePart(Part):
    """Something breaks by chance, in every lane (or one): mean time between failures, mean time to repair."""

    what: Literal["beam_stuck_on", "beam_stuck_off", "reader_dead", "arm_jammed", "power_cut", "network_cut"]
    mtbf_h: Positive
    repair_min: Positive = 30.0
    lane: str | None = None


class EventPart(Part):
    """The fire contact closes for a while: all gates are released."""

    at_min: NotNegative
    what: Literal["fire"]
    for_s: Positive


class ReportPart(Part):
    """What the gates are told about reporting, as docs/settings.md has it."""

    interval_s: Annotated[int, Field(ge=1, le=86_400)] = 900
    tally_min: Annotated[int, Field(ge=1, le=10_000)] = 10
    send_at_once: bool = True


class Scenario(Part):
    """A whole file."""

    scenario: Head
    demand: DemandPart = DemandPart()
    population: PopulationPart = PopulationPart()
    behaviour: dict[str, dict[str, Any]] = {}
    arm: dict[Name, ArmPart] = {}
    lane: tuple[LanePart, ...] = ()
    fault: tuple[FaultPart, ...] = ()
    fault_rate: tuple[FaultRatePart, ...] = ()
    event: tuple[EventPart, ...] = ()
    report: ReportPart = ReportPart()

    @property
    def behaviours(self) -> tuple[b.Behaviour, ...]:
        """What some riders mean to do, with parameters."""
        return tuple(make_behaviour(name, values) for name, values in self.behaviour.items())

    @property
    def lane_names(self) -> list[str]:
        """Every lane by name."""
        return [name for lane in self.lane for name in lane.names]

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if not self.lane:
            raise ValueError("a scenario needs at least one [[lane]]")
        twice = [name for name, count in Counter(self.lane_names).items() if count > 1]
        if twice:
            raise ValueError(f"two lanes are named {twice[0]!r}: give each a name of its own")
        return self


def make_behaviour(name: str, values: dict[str, Any]) -> b.Behaviour:
    """One behaviour from its table; raises ValueError that names the key."""
    kind = b.ALL[name]
    spans = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return kind(**spans)  # type: ignore[arg-type]  # load.py has looked at each


KNOWN_ARMS = tuple(arms.KINDS)
KNOWN_FAULTS = faults.KINDS
