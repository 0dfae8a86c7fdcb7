"""The reader: how long a medium has to be held to it.

Figures: bank cards on buses take about 530 ms on average, with a mode of 545, smaller peaks at 420 and 490 and a tail
above 900 (Consult Hyperion 2013), of which about 100 ms is polling. The mixture below is made to those figures; its
weights and widths are ours, narrow enough that the smaller peaks stand out (docs/calibration.md). Nothing is read in
less than 300 ms (the fastest Oyster reads).

Does not belong here: what is on a medium, and whether it is good.
"""

import random

MIN_TAP_MS = 300

# (share, centre_ms, spread_ms) of each peak; the rest is the tail.
_PEAKS = ((0.60, 545.0, 18.0), (0.18, 490.0, 12.0), (0.18, 420.0, 14.0))
_TAIL_FROM_MS = 900.0
_TAIL_MEAN_MS = 120.0


def tap_ms(rng: random.Random) -> int:
    """One tap's time in ms, from holding the medium to the reader until the reader has read it."""
    share = rng.random()
    for weight, centre_ms, spread_ms in _PEAKS:
        if share < weight:
            return max(MIN_TAP_MS, round(rng.gauss(centre_ms, spread_ms)))
        share -= weight
    return round(_TAIL_FROM_MS + rng.expovariate(1.0 / _TAIL_MEAN_MS))
