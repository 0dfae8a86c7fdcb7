"""What is known of real gates and riders, and how closely the simulator should come to it.

A `Figure` is one published value with its source, the range that counts as agreement, and what the simulator gave. Pure
data; measuring is in measure.py, the page in page.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value beside what is published. `low` and `high` bound agreement, both included."""

    key: str
    what: str
    published: str
    source: str
    low: float
    high: float
    measured: float
    digits: int = 1
    why: str = ""  # where it does not agree, or agrees only so far: by how much and why

    @property
    def agrees(self) -> bool:
        """Whether the measured value lies in the range."""
        return self.low <= self.measured <= self.high

    @property
    def given(self) -> str:
        """The measured value as it is shown."""
        return f"{self.measured:,.{self.digits}f}"

    @property
    def wanted(self) -> str:
        """The range as it is shown."""
        return f"{self.low:,.{self.digits}f} to {self.high:,.{self.digits}f}"


@dataclass(frozen=True)
class Throughput:
    """Persons a minute through one saturated lane with that arm."""

    arm: str
    rated: float
    practised: float


@dataclass(frozen=True)
class Day:
    """One day of the hourly profile: riders a real station counted, riders its simulated gates passed."""

    date: str
    real_entries: int
    real_exits: int
    entries: int
    exits: int
    correlation: float  # of the 48 hourly counts
    chi2_per_count: float  # 1 where hours scatter as Poisson numbers do


@dataclass(frozen=True)
class Intervention:
    """What one change of the gates did to evasion. Rates are shares of those who came in, over `seeds` runs."""

    name: str
    published: str
    before: tuple[float, float, float]  # mean, low, high (95 %)
    after: tuple[float, float, float]
    change: tuple[float, float, float]  # relative, over paired seeds
    kinds: tuple[tuple[str, int, int], ...]  # outcome, riders before, riders after

    @property
    def right_direction(self) -> bool:
        """Evasion falls, and the whole interval says so."""
        return self.change[2] < 0


@dataclass(frozen=True)
class Calibration:
    """Everything that one calibration measured."""

    figures: tuple[Figure, ...]
    throughput: tuple[Throughput, ...]
    days: tuple[Day, ...]
    station: str
    interventions: tuple[Intervention, ...]
    seeds: int
    tap_histogram: tuple[tuple[int, int], ...]  # (from ms, taps) in steps of 20 ms

    @property
    def agrees(self) -> bool:
        """Every figure in its range and every intervention in its direction."""
        return all(figure.agrees for figure in self.figures) and all(one.right_direction for one in self.interventions)
