"""Counts: how many riders real stations had, hour by hour, from the bundled data or from a file of the same columns.

The bundled counts are Namma Metro's of August 2025 (simulator/data/namma-metro, with their licence). A file of one's
own is CSV with the columns station, date, hour, entries, exits, and, where it counts quarter hours, minute (0, 15, 30
or 45).

Does not belong here: when riders come (demand.py).
"""

import csv
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from simulator.errors import UserError

HOURS = 24
QUARTERS = 96
ENTRY, EXIT = "entry", "exit"

PEAK_STATION = "Nadaprabhu Kempegowda Station, Majestic"
PEAK_DATE = "2025-08-14"
PEAK_HOUR = 18

_COUNTS = ("namma-metro", "hourly-2025-08.csv.gz")
_COLUMNS = ("station", "date", "hour", "entries", "exits")
_COUNT_MAX = 1_000_000
_MINUTES = (0, 15, 30, 45)


@dataclass(frozen=True, slots=True)
class HourlyProfile:
    """Riders per hour of one station and date, hours 0 to 23, local time; per quarter hour too where that was counted.

    `quarter_counts` are (entries, exits) of the 96 quarter hours.
    """

    station: str
    date: str
    entries: tuple[float, ...]
    exits: tuple[float, ...]
    quarter_counts: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __post_init__(self) -> None:
        if len(self.entries) != HOURS or len(self.exits) != HOURS or min(*self.entries, *self.exits) < 0:
            raise ValueError("a profile needs 24 counts of entries and 24 of exits, none below 0")

    def count(self, way: str, hour: int) -> float:
        """Riders of that way in that hour."""
        return (self.entries if way == ENTRY else self.exits)[hour]

    def quarters(self, way: str, smooth: bool) -> tuple[float, ...]:
        """Riders in each of the day's 96 quarter hours.

        As counted, if they were. Otherwise a quarter of the hour each; or, `smooth`, along the slope between the hours
        before and after, which keeps the hour's sum. The slope is held so that no quarter falls below 0.
        """
        if self.quarter_counts is not None:
            return self.quarter_counts[0 if way == ENTRY else 1]
        found: list[float] = []
        for hour in range(HOURS):
            count = self.count(way, hour)
            slope = 0.0
            if smooth:
                before, after = self.count(way, (hour - 1) % HOURS), self.count(way, (hour + 1) % HOURS)
                # Per quarter hour: the hours' means lie eight quarters apart, and hold a quarter of the count each.
                slope = (after - before) / 4 / 8
                most = count / 4 / 1.5
                slope = max(-most, min(most, slope))
            found += [count / 4 + slope * (quarter - 1.5) for quarter in range(4)]
        return tuple(found)

    def total(self) -> float:
        """Riders of the day, both ways."""
        return sum(self.entries) + sum(self.exits)


def constant_profile(entries_per_h: float, exits_per_h: float) -> HourlyProfile:
    """The same flow at every hour."""
    return HourlyProfile("constant", "", (entries_per_h,) * HOURS, (exits_per_h,) * HOURS)


def load_profile(station: str = PEAK_STATION, date: str = PEAK_DATE) -> HourlyProfile:
    """The bundled counts of one station and date; raises ValueError when the data has none, or only half."""
    found = _bundled().get((station, date))
    if found is None:
        raise ValueError(
            f"the bundled counts have no riders for {station} on {date}: "
            "dates run from 2025-08-01 to 2025-08-18, and stations() lists the names"
        )
    if found.incomplete:
        raise ValueError(f"the bundled counts of {station} on {date} lack entries or exits: choose another date")
    return found.profile()


def stations() -> list[str]:
    """The names of all stations with riders in the bundled counts."""
    return sorted({station for station, _ in _bundled()})


def metro_day(date: str) -> tuple[dict[str, HourlyProfile], list[str]]:
    """All stations of one day with their counts, and the names of those left out because some of theirs are missing.

    Raises ValueError for a date that the bundled counts don't have.
    """
    day = {station: found for (station, day), found in sorted(_bundled().items()) if day == date}
    if not day:
        raise ValueError(f"the bundled counts have no {date}: dates run from 2025-08-01 to 2025-08-18")
    whole = {station: found.profile() for station, found in day.items() if not found.incomplete}
    return whole, [station for station in stations() if station not in whole]


def bundled_days() -> dict[str, list[str]]:
    """Each station of the bundled counts, and the days of which all its counts are known."""
    found: dict[str, list[str]] = {}
    for (station, date), one in sorted(_bundled().items()):
        if not one.incomplete:
            found.setdefault(station, []).append(date)
    return found


def days(profiles: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each station of these (station, date), and its days."""
    found: dict[str, list[str]] = {}
    for station, date in sorted(profiles):
        found.setdefault(station, []).append(date)
    return found


def read_file(path: Path) -> dict[tuple[str, str], HourlyProfile]:
    """The counts of a CSV file by station and date; raises UserError that names file, line, column, what is allowed."""
    try:
        if "\0" not in str(path) and path.exists() and not path.is_file():
            raise UserError(f"{path} is no file of counts.")
        with path.open(newline="", encoding="utf-8-sig") as text:  # a spreadsheet begins its files with a mark
            reader = csv.DictReader(text)
            missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise UserError(
                    f"{path}:1: the column {missing[0]} is missing; a file of counts has {', '.join(_COLUMNS)}, "
                    "and minute where it counts quarter hours"
                )
            found = _collect(_checked(path, reader))
    except OSError as error:
        raise UserError(f"Can't read the counts in {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text; save the file as UTF-8.") from error
    except ValueError as error:  # a name that no file can have
        raise UserError(f"Can't read the counts in {str(path)!r}: {error}.") from error
    except csv.Error as error:
        raise UserError(f"{path} is not CSV: {error}.") from error
    if not found:
        raise UserError(f"{path} has no counts: give a row for each hour with riders.")
    return {key: one.profile() for key, one in found.items()}


Row = tuple[str, str, int, int | None, float | None, float | None]
"""station, date, hour, minute (None: the whole hour), entries, exits (None: not known)"""


class _Found:
    """What was read of one station and date."""

    def __init__(self) -> None:
        self.station = self.date = ""
        self.quarterly = False
        self.incomplete = False
        self.entries = [0.0] * QUARTERS
        self.exits = [0.0] * QUARTERS

    def add(self, row: Row) -> None:
        self.station, self.date, hour, minute, entries, exits = row
        if entries is None or exits is None:
            self.incomplete = True
            return
        if minute is None:
            for quarter in range(hour * 4, hour * 4 + 4):
                self.entries[quarter] += entries / 4
                self.exits[quarter] += exits / 4
        else:
            self.quarterly = True
            self.entries[hour * 4 + minute // 15] += entries
            self.exits[hour * 4 + minute // 15] += exits

    def profile(self) -> HourlyProfile:
        hours = tuple(
            tuple(sum(counts[hour * 4 : hour * 4 + 4]) for hour in range(HOURS))
            for counts in (self.entries, self.exits)
        )
        quarters = (tuple(self.entries), tuple(self.exits)) if self.quarterly else None
        return HourlyProfile(self.station, self.date, hours[0], hours[1], quarters)


def _collect(rows: Iterable[Row]) -> dict[tuple[str, str], _Found]:
    found: dict[tuple[str, str], _Found] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), _Found()).add(row)
    return found


@lru_cache(maxsize=1)
def _bundled() -> dict[tuple[str, str], _Found]:
    return _collect(
        (
            row["station"],
            row["date"],
            int(row["hour"]),
            None,
            int(row["entries"]) if row["entries"] else None,
            int(row["exits"]) if row["exits"] else None,
        )
        for row in _rows()
    )


def _rows() -> Iterator[dict[str, str]]:
    resource = files("simulator.data").joinpath(*_COUNTS)
    with resource.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _checked(path: Path, reader: "csv.DictReader[str]") -> Iterator[Row]:
    said: dict[tuple[str, str, int, int | None], int] = {}
    for row in reader:
        where = f"{path}:{reader.line_num}"
        minute = row.get("minute")
        when = (
            row["station"] or _wrong(where, "station", row["station"], "the name of a station"),
            _date(where, row["date"]),
            _number(where, "hour", row["hour"], 23),
            None if not minute else _minute(where, minute),
        )
        # A count that is there twice would silently count twice; so would an hour beside its quarters.
        for other in (when, (*when[:3], None), *(((*when[:3], quarter)) for quarter in _MINUTES if when[3] is None)):
            if other in said:
                raise UserError(f"{where}: line {said[other]} has counts of this hour already; give each once")
        said[when] = reader.line_num
        yield (
            *when,
            _number(where, "entries", row["entries"], _COUNT_MAX),
            _number(where, "exits", row["exits"], _COUNT_MAX),
        )


def _date(where: str, text: str | None) -> str:
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").date().isoformat()
    except ValueError:
        return _wrong(where, "date", text, "a date such as 2025-08-14")


def _number(where: str, column: str, text: str | None, most: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or int(text[:12]) > most:
        return int(_wrong(where, column, text, f"a whole number from 0 to {most}"))
    return int(text)


def _minute(where: str, text: str) -> int:
    if not text.isdigit() or int(text[:12]) not in _MINUTES:
        _wrong(where, "minute", text, "0, 15, 30 or 45")
    return int(text)


def _wrong(where: str, column: str, given: str | None, allowed: str) -> str:
    shown = "nothing" if not given else repr(given[:40])
    raise UserError(f"{where}: {column} is {shown}; allowed is {allowed}")
