"""What a scenario file may say. Units are in the names: `_s`, `_min`, `_h`, `_m`, `_mm`, `_ms`; shares are 0 to 1.

Rules: unknown keys are errors, and so is a value of another type: nothing is guessed. Every number has a limit, so that
no slip of a key makes a run that never ends. Nothing here reads files or makes lanes (load.py, build.py).
docs/scenarios.md lists all of it, and a test compares.
"""

import datetime
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from simulator.plant import faults, makes
from simulator.study.spec import ORDERED, PROFILE, SINGLE
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.demand import PEAK_DATE, PEAK_STATION

ALL_STATIONS = "all"
LANES_MAX = 2_000

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
PerHour = Annotated[float, Field(ge=0, le=100_000)]
Minutes = Annotated[float, Field(ge=0, le=7 * 24 * 60)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
Length = Annotated[float, Field(ge=0, le=20)]
Height = Annotated[float, Field(ge=0, le=3)]


class Wrong(ValueError):
    """What a whole table gets wrong; `key` is the one in it, or below it, that is to blame."""

    def __init__(self, text: str, *key: str | int) -> None:
        super().__init__(text)
        self.key = key


class Part(BaseModel):
    """Any table of a scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Head(Part):
    """Who and when. `start` is the local time of day at which the run begins."""

    name: Name
    description: str = ""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    start: str = "18:00"
    duration_min: Annotated[float, Field(ge=0.1, le=7 * 24 * 60)] = 60

    @field_validator("start", mode="before")
    @classmethod
    def _unquoted(cls, value: Any) -> Any:
        return value.strftime("%H:%M") if isinstance(value, datetime.time) else value

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
    scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    entries_per_h: PerHour | None = None
    exits_per_h: PerHour | None = None
    train_headway_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    train_spread_s: Annotated[float, Field(gt=0, le=3600)] = 40.0
    riders_per_lane_min: Annotated[float, Field(ge=1, le=60)] = 18.0

    @field_validator("date", mode="before")
    @classmethod
    def _unquoted(cls, value: Any) -> Any:
        return value.isoformat() if type(value) is datetime.date else value

    @field_validator("date")
    @classmethod
    def _date(cls, value: str) -> str:
        try:
            return datetime.datetime.strptime(value, "%Y-%m-%d").date().isoformat()
        except ValueError:
            raise ValueError('a date such as "2025-08-14"') from None

    @field_validator("train_headway_s")
    @classmethod
    def _headway(cls, value: float) -> float:
        if 0 < value < 1:
            raise ValueError("0 (no trains), or 1 or more")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        constant = self.entries_per_h is not None or self.exits_per_h is not None
        if constant and (self.file is not None or self.model_fields_set & {"station", "date"}):
            key = next(name for name in ("file", "station", "date") if name in self.model_fields_set)
            raise Wrong(
                "was given beside a constant flow; give either counts (station, date, file) or a flow (entries_per_h, "
                "exits_per_h)",
                key,
            )
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
    search_s: Annotated[tuple[Seconds, Seconds], Field(strict=False)] = (1.0, 4.0)
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
            raise Wrong(f"{list(self.search_s)} was given; allowed is the smaller end first", "search_s")
        total = sum(self.kinds.values())
        if self.kinds[bodies.ADULT] < -1e-9 or abs(total - 1.0) > 1e-6:
            others = total if self.adult is not None else 1.0 - self.kinds[bodies.ADULT]
            raise Wrong(
                f"the shares of kinds of riders add up to {others:g}; they must add up to 1 (or leave out adult)"
            )
        return self


class ArmPart(Part):
    """A make of arm of one's own: a known kind, and what is different about it."""

    kind: Literal["paddle", "tripod", "flap", "full_height", "wide", "none"]
    opening_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None
    closing_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None
    passable: Annotated[int, Field(ge=0, le=100)] | None = None
    moving_mass_kg: Annotated[float, Field(ge=0, le=1000)] | None = None
    holding_force_n: Annotated[float, Field(ge=0, le=100_000)] | None = None
    height_m: Height | None = None
    clearance_m: Height | None = None
    backcock_m: Height | None = None
    safety: Literal["reopen", "stop", "none"] | None = None
    pace: Annotated[float, Field(ge=0.1, le=1)] | None = None


class BeamPart(Part):
    """A beam across the lane, `x_m` along it from the first, `z_m` above the floor."""

    x_m: Length
    z_m: Height = 0.9


class NoisePart(Part):
    """How good the beams are; rates per beam."""

    debounce_ms: Annotated[int, Field(ge=0, le=5000)] = 0
    latency_ms: Annotated[int, Field(ge=0, le=5000)] = 0
    dust_per_h: PerHour = 0.0
    dust_ms: Annotated[float, Field(ge=1, le=3_600_000)] = 40.0
    sunlight_per_h: PerHour = 0.0
    sunlight_ms: Annotated[float, Field(ge=1, le=3_600_000)] = 80.0
    misalignment_mm: Annotated[int, Field(ge=-200, le=200)] = 0


class ReaderPart(Part):
    """The reader: the share of presentations that it does not read, how near a medium must come, and how much longer
    than usual it takes."""

    misread: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    range_m: Annotated[float, Field(ge=0.01, le=2)] = 0.1
    delay_ms: Annotated[int, Field(ge=0, le=10_000)] = 0


class LanePart(Part):
    """A lane, or `count` equal ones (then named name-1, name-2, ...)."""

    name: Name
    count: Annotated[int, Field(ge=1, le=200)] = 1
    way: Literal["entry", "exit"] = "entry"
    arm: str = "paddle"
    arm_x_m: Length | None = None
    detector: Literal["single", "ordered", "profile"] = "ordered"
    beams: Annotated[tuple[BeamPart, ...], Field(strict=False)] | None = None
    beam_count: Annotated[int, Field(ge=1, le=24)] | None = None
    beam_gap_m: Annotated[float, Field(ge=0.01, le=2)] = 0.15
    beam_z_m: Height = 0.9
    release_s: Annotated[float, Field(ge=0.1, le=3600)] = 5.0
    refuse_s: Annotated[float, Field(ge=0.1, le=3600)] = 1.5
    entries_per_h: PerHour | None = None
    exits_per_h: PerHour | None = None
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
    def _names_fit(self) -> Self:
        if len(self.names[-1]) > 32:
            raise Wrong(f'the last lane would be named "{self.names[-1]}"; a name has at most 32 characters', "name")
        return self

    @model_validator(mode="after")
    def _own_stream_fits(self) -> Self:
        wrong = "exits_per_h" if self.way == "entry" else "entries_per_h"
        if getattr(self, wrong) is not None:
            right = "entries_per_h" if self.way == "entry" else "exits_per_h"
            raise Wrong(f'a lane with way = "{self.way}" gets riders of its own by {right}, not by {wrong}', wrong)
        return self

    @model_validator(mode="after")
    def _beams_fit(self) -> Self:
        own = "beams" if self.beams is not None else "beam_count"
        if self.beams is not None and self.beam_count is not None:
            raise Wrong("was given beside beams; give one of them", "beam_count")
        places = [(round(beam.x_m * 1000), round(beam.z_m * 1000)) for beam in self.places]
        along = [x_mm for x_mm, _ in places]
        heights = {z_mm for _, z_mm in places}
        if not places or along[0] != 0:
            raise Wrong("the first beam must be at x_m = 0.0: lanes are measured from it", own)
        if along != sorted(along):
            raise Wrong("beams must be given in the order in which riders meet them (x_m growing)", own)
        if len(set(places)) != len(places):
            raise Wrong("two beams are in the same place, to the millimetre", own)
        if len(places) > 24:
            raise Wrong(f"{len(places)} beams were given; a lane has at most 24", own)
        if self.detector == SINGLE and len(places) != 1:
            raise Wrong(f'{len(places)} beams were given; detector = "single" works with exactly 1', own)
        if self.detector == ORDERED and len(places) < 2:
            raise Wrong(f'{len(places)} beam was given; detector = "ordered" needs 2 or more to tell a direction', own)
        if self.detector == ORDERED and len(set(along)) != len(along):
            raise Wrong('detector = "ordered" needs each beam further along than the one before (x_m)', own)
        if self.detector == PROFILE:
            self._profile_fits(places, heights, "beams" if self.beams is not None else "detector")
        return self

    @staticmethod
    def _profile_fits(places: list[tuple[int, int]], heights: set[int], own: str) -> None:
        if len(places) < 8 or not 2 <= len(heights) <= 3:
            high = ", ".join(f"{z_mm / 1000:g}" for z_mm in sorted(heights))
            raise Wrong(
                f"{len(places)} beams were given, at heights of {high} m; "
                'detector = "profile" needs 8 to 24 at 2 or 3 heights (z_m)',
                own,
            )
        if sum(z_mm == max(heights) for _, z_mm in places) < 2:
            raise Wrong('detector = "profile" needs 2 or more beams at the greatest height (z_m)', own)


class FaultPart(Part):
    """Something breaks: at a minute of the run, for so long, in a lane."""

    at_min: Minutes
    for_min: Annotated[float, Field(gt=0, le=7 * 24 * 60)]
    what: Literal["beam_stuck_on", "beam_stuck_off", "reader_dead", "arm_jammed", "power_cut", "network_cut"]
    lane: str
    beam: Annotated[int, Field(ge=0, le=23)] = 0


class FaultRatePart(Part):
    """Something breaks by chance, in every lane (or one): mean time between failures, mean time to repair."""

    what: Literal["beam_stuck_on", "beam_stuck_off", "reader_dead", "arm_jammed", "power_cut", "network_cut"]
    mtbf_h: Annotated[float, Field(ge=0.01, le=1_000_000)]
    repair_min: Annotated[float, Field(ge=0.01, le=100_000)] = 30.0
    lane: str | None = None


class EventPart(Part):
    """The fire contact closes for a while: all gates are released."""

    at_min: Minutes
    what: Literal["fire"]
    for_s: Annotated[float, Field(ge=0.1, le=7 * 24 * 3600)]


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
    lane: Annotated[tuple[LanePart, ...], Field(strict=False)] = ()
    fault: Annotated[tuple[FaultPart, ...], Field(strict=False)] = ()
    fault_rate: Annotated[tuple[FaultRatePart, ...], Field(strict=False)] = ()
    event: Annotated[tuple[EventPart, ...], Field(strict=False)] = ()
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
            raise Wrong("there is no lane; needed is at least one [[lane]]", "lane")
        before: set[str] = set()
        for n, lane in enumerate(self.lane):
            for name in lane.names:
                if name in before:
                    raise Wrong(f'a lane before this one is named "{name}" too; give each a name of its own', "lane", n)
                before.add(name)
        if len(before) > LANES_MAX:
            raise Wrong(f"there are {len(before)} lanes; allowed are {LANES_MAX} at most", "lane")
        return self


def make_behaviour(name: str, values: dict[str, Any]) -> b.Behaviour:
    """One behaviour from its table; raises ValueError that names the key."""
    kind = b.ALL[name]
    spans = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return kind(**spans)  # type: ignore[arg-type]  # load.py has looked at each


KNOWN_ARMS = tuple(makes.KINDS)
KNOWN_FAULTS = faults.KINDS
