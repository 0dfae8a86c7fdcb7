"""Are two samples of times the same to within a margin? A test of equivalence: it is passed by evidence, not by its
absence.

The interval of a quantile is that of its order statistics (binomial, in its normal approximation; no assumption about
the times). Two of 97.5 % make one of at least 95 % for the difference (Bonferroni), which must lie wholly inside the
margin: that is stricter than two one-sided tests at 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

Z_97_5_TWO_SIDED = 2.2414027276  # the normal distribution's 98.75 % quantile


def quantile_interval(ordered: Sequence[float], share: float) -> tuple[float, float]:
    """The 97.5 % interval of the `share` quantile of what `ordered` was drawn from."""
    n = len(ordered)
    spread = Z_97_5_TWO_SIDED * sqrt(n * share * (1 - share))
    low, high = floor(n * share - spread) - 1, ceil(n * share + spread)
    if low < 0 or high >= n:
        return float("-inf"), float("inf")  # too few to say
    return ordered[low], ordered[high]


@dataclass(frozen=True)
class Verdict:
    """The 95 % interval of the difference of two quantiles, and the margin that it is held against."""

    low: float
    high: float
    margin: float

    @property
    def equivalent(self) -> bool:
        """Wholly inside."""
        return -self.margin < self.low and self.high < self.margin

    @property
    def different(self) -> bool:
        """Wholly outside: more samples would not help."""
        return self.low > self.margin or self.high < -self.margin


def compare(one: Sequence[float], other: Sequence[float], share: float, margin: float) -> Verdict:
    """The `share` quantile of `one` minus that of `other`."""
    one_low, one_high = quantile_interval(sorted(one), share)
    other_low, other_high = quantile_interval(sorted(other), share)
    return Verdict(one_low - other_high, one_high - other_low, margin)
