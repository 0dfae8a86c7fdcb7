"""Which counts of what riders chose may be shown, as pure logic: what is stored goes in, what a page may say comes out.

Rules: counts are told by site and service day, never by kiosk, gate or a shorter time. Nothing below ``LEAST`` is
told, and zero is below it. How many agreed and how many did not are told only where both are ``LEAST`` or more, because
one of them and their sum give the other. Sums are made of what is shown, so no subtraction gives a hidden cell back. Of
a physical site a day is told once it is over and a day has passed, so that nobody who watches the page sees one more
rider answer; an emulated site's riders are synthetic, and its running day is told too. Counts that go down when one
rider erases, and running ones, are told in whole tens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.admission.rules import DAY_MS, TALLY_MIN, SiteClass

LEAST: Final = TALLY_MIN
"""The same minimum as that of a tally."""
DAYS: Final = 7
"""So many days are told."""
LATE_MS: Final = DAY_MS
"""So long after its end a physical site's day is told: what a kiosk held while its network was down is in it then."""


class Place(NamedTuple):
    """Where a device stands."""

    site: str
    site_class: SiteClass
    day_start_ms: int


class Count(NamedTuple):
    """So many at ``device`` on a day (since 1970-01-01, by the site's own start of day): ``yes`` and ``no``."""

    device: str
    day: int
    version: str
    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What a page may say of one site, day and notice; None where it is too few to say."""

    site: str
    day: int
    day_begins_ms: int
    version: str
    both: int | None
    yes: int | None
    no: int | None


def day_of(place: Place, at_ms: int) -> int:
    """The service day of a time."""
    return (at_ms - place.day_start_ms) // DAY_MS


def told_days(place: Place, now_ms: int) -> range:
    """The days that are told of a site, oldest first."""
    running = day_of(place, now_ms)
    last = running if place.site_class == "emulated" else day_of(place, now_ms - LATE_MS) - 1
    return range(last - DAYS + 1, last + 1)


def cells(
    counts: Iterable[Count],
    places: Mapping[str, Place],
    now_ms: int,
    versions: Sequence[str],
    *,
    since_ms: int = 0,
    tens: bool = False,
) -> list[Cell]:
    """What may be said, by site, then the latest day first, then ``versions`` (the current one last).

    Every told day of every site of ``places`` (device -> where it stands) has a cell of the current version, whether
    anybody answered or not: that there is none would be a count too. An earlier version has one where it may be told.
    Days that begin before ``since_ms`` are left out; ``tens``: figures are told in whole tens.
    """
    sums: defaultdict[tuple[str, int, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in counts:
        place = places.get(one.device)
        if place is not None:
            cell = sums[place.site, one.day, one.version]
            cell[0] += one.yes
            cell[1] += one.no
    found = []
    for place in sorted(set(places.values())):
        for day in reversed(told_days(place, now_ms)):
            begins_ms = day * DAY_MS + place.day_start_ms
            if begins_ms < since_ms:
                continue
            for version in versions:
                yes, no = sums.get((place.site, day, version), (0, 0))
                if tens:
                    yes, no = yes // 10 * 10, no // 10 * 10
                both = yes + no if yes + no >= LEAST else None
                split = yes >= LEAST and no >= LEAST
                if both is None and version != versions[-1]:
                    continue
                found.append(
                    Cell(place.site, day, begins_ms, version, both, yes if split else None, no if split else None)
                )
    return found


def totals(shown: Iterable[Cell]) -> tuple[int, int] | None:
    """(yes, no) over those cells that show both; None where there is none."""
    split = [(one.yes, one.no) for one in shown if one.yes is not None and one.no is not None]
    return (sum(yes for yes, _ in split), sum(no for _, no in split)) if split else None


def in_tens(count: int) -> int | None:
    """A running count in whole tens; None below ``LEAST``."""
    return None if count < LEAST else count // 10 * 10


def words(count: int | None) -> str:
    """A count for a reader."""
    return f"fewer than {LEAST}" if count is None else f"{count:,}"


def words_in_tens(count: int) -> str:
    """A running count for a reader."""
    tens = in_tens(count)
    return words(tens) if tens is None else f"{tens:,} or a few more"
