"""Two figures held against each other: by how much they differ, and whether their intervals overlap.

Pure. An overlap is no test: it is said as what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.results.card import Figure


@dataclass(frozen=True, slots=True)
class Difference:
    """The second less the first (None where one has nothing to rate), and whether their intervals lie apart."""

    value: float | None
    apart: bool
    words: str


def difference(first: Figure, second: Figure) -> Difference:
    """Of two runs' figures."""
    if first.value is None or second.value is None:
        return Difference(None, False, "nothing to compare")
    value = second.value - first.value
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Difference(value, False, "no intervals")
    apart = first.high < second.low or second.high < first.low
    return Difference(value, apart, "apart" if apart else "overlap")
