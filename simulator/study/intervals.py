"""Confidence intervals: how sure a figure is that was counted in one run, or averaged over several.

Wilson's interval for a share (Wilson 1927), the same score interval for a rate of counted events (Poisson), Student's t
for a mean over seeds. All 95 %. Pure.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, lgamma, log, pi, sqrt

Z = 1.959963984540054  # the normal distribution's 97.5 % quantile

Interval = tuple[float, float]


def wilson(hits: int, trials: int) -> Interval | None:
    """The 95 % interval of a share of which `hits` in `trials` were seen; None when nothing was tried."""
    if trials == 0:
        return None
    share = hits / trials
    spread = Z * Z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * sqrt(share * (1 - share) / trials + spread / (4 * trials))
    # Rounding must not shut out the very share that was seen.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def poisson(events: int, exposure: int) -> Interval | None:
    """The 95 % interval of events a unit of `exposure`, which may have more than one; None for no exposure."""
    if exposure == 0:
        return None
    centre, half = events + Z * Z / 2, Z * sqrt(events + Z * Z / 4)
    return max(0.0, centre - half) / exposure, (centre + half) / exposure


def mean_interval(values: Sequence[float]) -> tuple[float, Interval] | None:
    """The mean over independent runs and its 95 % interval; None for fewer than two, or where all are the same.

    Equal values have no scatter to reckon with, and that is no certainty: often all are 0, or all are 1.
    """
    n = len(values)
    if n < 2 or len(set(values)) == 1:
        return None
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    half = t_quantile(n - 1) * sqrt(variance / n)
    return mean, (mean - half, mean + half)


@lru_cache(maxsize=256)
def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t with so many degrees of freedom, by bisection of its distribution."""
    low, high = 1.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if _t_upper_half(middle, freedom) < 0.475:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_upper_half(t: float, freedom: int) -> float:
    """The probability between 0 and t, by Simpson's rule over the density."""
    steps = 2000
    norm = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(freedom * pi)
    width = t / steps
    total = 0.0
    for n in range(steps + 1):
        weight = 1 if n in (0, steps) else 4 if n % 2 else 2
        total += weight * exp(-(freedom + 1) / 2 * log(1 + (n * width) ** 2 / freedom))
    return total * norm * width / 3
