"""A scorecard: the form of `scorecard.json`, which `gateline simulate --out` writes (docs/scorecard.md).

Rules: this is the gateway's own reader of a documented form and shares no code with what writes it. What is there is
checked to the last figure, so that whoever shows a scorecard need not ask again; what is not known is left out, because
members may be added. A form of another number is refused by name. Reading files doesn't belong here (folder.py).
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FORM: Final = 1
KINDS_MAX: Final = 64
LANES_MAX: Final = 10_000
STEPS_MAX: Final = 60

Count = Annotated[int, Field(ge=0, le=2**53)]
Measure = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Word = Annotated[str, Field(min_length=1, max_length=80)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Figure(_Part):
    """A figure with its 95 % interval; null where there is nothing to rate."""

    value: Measure | None
    low: Measure | None
    high: Measure | None

    @model_validator(mode="after")
    def _in_order(self) -> Figure:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("an interval's low end is above its high end")
        return self


class Share(Figure):
    """A figure that is a share of 1."""

    @model_validator(mode="after")
    def _of_one(self) -> Share:
        if any(end is not None and end > 1.000001 for end in (self.value, self.low, self.high)):
            raise ValueError("a share is above 1")
        return self


class RiderKind(_Part):
    """Honest riders of one kind."""

    honest_passages: Count
    false_accusations: Count
    accused_share: Share


class Evasion(_Part):
    """Evasions of one kind, and how many of them were noticed."""

    evasions: Count
    recall: Share


class Flow(_Part):
    """Persons a minute through one lane."""

    mean: Measure
    busiest_quarter_hour: Measure


class Waiting(_Part):
    """Seconds from arrival to the first beam; null where nobody came so far."""

    mean: Measure | None
    p50: Measure | None
    p95: Measure | None
    max: Measure | None


class WaitingCounts(_Part):
    """How many waited how long: riders for each step of `step_s` seconds from 0."""

    step_s: Annotated[int, Field(ge=1, le=10**6)]
    riders: Annotated[list[Count], Field(max_length=STEPS_MAX)]


class Scorecard(_Part):
    """How good the evidence of a gate was, in one run of `gateline simulate`."""

    form: Count = FORM
    scenario: Word
    first_seed: Count
    seeds: Count = 1
    hours: Measure
    stations: Count
    lanes: Count
    riders: Count
    turned_away: Count = 0
    still_waiting: Count = 0
    crossings: Count
    honest_passages: Count
    evasions: Count
    accusations: Count
    conclusion: Annotated[str, Field(max_length=400)]
    evasion_rate: Share
    false_accusations_per_10000: Figure
    recall: Share
    precision: Share
    by_rider_kind: Annotated[dict[Word, RiderKind], Field(max_length=KINDS_MAX)]
    by_evasion: Annotated[dict[Word, Evasion], Field(max_length=KINDS_MAX)]
    confusion: Annotated[
        dict[Word, Annotated[dict[Word, Count], Field(max_length=KINDS_MAX)]], Field(max_length=KINDS_MAX)
    ]
    unmatched_verdicts: Annotated[dict[Word, Count], Field(max_length=KINDS_MAX)]
    throughput_per_min: Annotated[dict[Word, Flow], Field(max_length=LANES_MAX)]
    waiting_s: Waiting
    # Runs of before these were written have them not.
    waiting_s_by_lane: Annotated[dict[Word, Waiting], Field(max_length=LANES_MAX)] = Field(default_factory=dict)
    waiting_counts: WaitingCounts | None = None
    accused_as: Annotated[
        dict[Word, Annotated[dict[Word, Count], Field(max_length=KINDS_MAX)]], Field(max_length=KINDS_MAX)
    ] = Field(default_factory=dict)


class NotAScorecard(Exception):
    """What is wrong, as a clause: "it is not a scorecard …"."""


class _Form(_Part):
    form: Annotated[int, Field(strict=True)] = FORM


def decode(text: bytes) -> Scorecard:
    """The scorecard; :class:`NotAScorecard` says what it is instead, without repeating a stranger's text."""
    try:
        form = _Form.model_validate_json(text).form
        if form != FORM:
            raise NotAScorecard(f"its form is {form}, and this gateway reads form {FORM}: it is of another version")
        return Scorecard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise NotAScorecard("it is damaged, or not JSON at all") from None
        known = [part for part in first["loc"] if part in Scorecard.model_fields]
        where = f" at {known[0]}" if known else ""
        missing = first["type"] == "missing"
        what = "something is missing" if missing else "a value is not what the form allows"
        raise NotAScorecard(f"it is not a whole scorecard: {what}{where}") from None
