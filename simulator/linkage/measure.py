"""All attacks on one week that has passed: what docs/attacks.md shows, as numbers.

Pure: from what the operator has and the truth behind it to figures. Does not belong here: words (page.py).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.linkage import attacks, score
from simulator.linkage.baseline import taps
from simulator.linkage.findings import Finding
from simulator.linkage.score import Known
from simulator.linkage.traces import PLACES, QUARTER_MS, RESOLUTIONS, Traces, Unicity, of_cards, of_handles, unicity
from simulator.linkage.week import Week

POINTS = (1, 2, 3, 4, 5)
SMALL = (2, 3, 5, 10)
_SEED = 1

UnicityTable = dict[tuple[str, str], list[Unicity]]
"""(place, resolution) -> for each of POINTS."""


@dataclass(frozen=True)
class OfSite:
    """What was learnt of a site of one class. `attempts` and `replayed` come from who tried them on its gateway."""

    findings: dict[str, Finding]
    small: dict[int, tuple[int, int]]
    tallies: int
    shortest_place_ms: int | None
    common: int
    hours_of_use: float
    unicity: UnicityTable
    attempts: Sequence[tuple[str, str]] = ()
    replayed: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Results:
    """The week, the usual record of it, and both classes of site."""

    week: Week
    usual: dict[str, Finding]
    usual_unicity: UnicityTable
    sites: dict[str, OfSite] = field(default_factory=dict)


def of_usual_record(week: Week) -> Results:
    """What the usual record of the week gives away."""
    usual = {f"sales {sort}": finding for sort, finding in score.baseline_sales(week).items()}
    usual |= {
        "days": score.baseline_days(week),
        "order": score.baseline_order(week),
        "exits": score.baseline_exits(week),
    }
    usual["placed"] = score.baseline_placed(week)
    return Results(week, usual, _unicity(of_cards(taps(week)), 0))


def of_site(known: Known, physical: bool) -> OfSite:
    """What a site's log and rows give away."""
    findings = {f"sales {sort}": finding for sort, finding in score.sales(known).items()}
    findings |= {"days": score.days(known), "order": score.order(known)}
    findings |= {"exits": score.exits(known), "placed": score.placed(known), "tenths": score.tenths(known)}
    findings |= {f"lying {sort}": finding for sort, finding in score.lying_kiosk(known).items()}
    findings["products"] = score.products(known)
    rows = known.rows
    return OfSite(
        findings,
        {below: attacks.small_tallies(rows, below) for below in SMALL},
        len(rows["tallies"]),
        score.shortest_place_ms(known),
        attacks.bytes_in_common(known.questions, known.log, rows),
        score.hours_of_use(known),
        _unicity(of_handles(rows["passages"]), QUARTER_MS if physical else 0),
    )


def _unicity(traces: Traces, resolution_ms: int) -> UnicityTable:
    """Who knows a second finds no more of it than the record has: `resolution_ms`."""
    return {
        (place, name): [
            unicity(traces, known, max(time_ms, resolution_ms), place, random.Random(_SEED)) for known in POINTS
        ]
        for place in PLACES
        for name, time_ms in RESOLUTIONS.items()
    }
