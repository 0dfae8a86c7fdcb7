"""Runs of `gateline simulate FILE --out FOLDER`, read for a replay: which lanes, an overview, any stretch.

Rules: `--runs` names a folder of runs; a run is a folder in it, or `NAME/seed-N` of one that was repeated. A name that
is no name of a run is unknown, wherever it leads. All is read when it is asked for, bounded by what an answer may hold;
only overviews are kept, a few of them, for as long as their files have not changed. Times are virtual ms.

Does not belong here: HTTP, drawing, the records of devices (traces.py).
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.replay import rows
from gateway.replay.tables import Table, Unreadable, Wanted, table

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/seed-[0-9]{1,12})?")
LANE_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{0,64}")
LISTED_MAX: Final = 200
LOOKED_AT_MAX: Final = 5_000

STRETCH_MAX_MS: Final = 600_000
EDGES_MAX: Final = 20_000
WALKS_MAX: Final = 600
SHOWS_MAX: Final = 5_000
CROSSINGS_MAX: Final = 600
MOMENTS_MAX: Final = 5_000
LANES_MAX: Final = 2_000
BINS: Final = 600
OVERVIEWS_KEPT: Final = 16
READERS: Final = 2
"""So many requests read at once; others wait. What is in memory is bounded by it."""
BACK_MS: Final = 900_000
"""A rider who came longer ago than this before a stretch is not looked for in it."""
BACK_GROUPS: Final = 8
"""So many row groups before a stretch are read for what a beam or a gate said last."""

ACCUSED: Final = frozenset(("true", "false", "repeated", "phantom"))
OVERLOOKED: Final = frozenset(("missed", "unseen"))


class UnknownRun(Exception):
    """There is no such run or lane; the text says so."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A run that can be chosen."""

    name: str
    written_ms: int
    edges: bool
    walks: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """All that is known of [from_ms, to_ms] at one lane. `to_ms` is earlier than asked for where edges were too many.

    `beams`: 1 broken, 0 clear at `from_ms`, before its first edge; None where the run does not tell. `matches` has for
    each verdict what the scorecard's join made of it, and of whom (an index of `crossings`).
    """

    from_ms: int
    to_ms: int
    whole: bool
    beams: list[int | None]
    edges: list[rows.Edge]
    shows: list[rows.Show]
    walks: list[rows.Walk]
    crossings: list[rows.Crossing]
    verdicts: list[rows.Verdict]
    joined: list[rows.Joined]


@dataclass(frozen=True, slots=True)
class Overview:
    """A whole run at one lane: edges by time, and the moments that somebody may look for."""

    layout: rows.Layout | None
    to_ms: int
    bin_ms: int
    edges: list[int]
    moments: list[rows.Joined]
    left_out: int
    tables: list[str]


class Replays:
    """The runs in one folder; without a folder there are none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._reading = threading.BoundedSemaphore(READERS)
        self._lock = threading.Lock()
        self._overviews: OrderedDict[tuple[Any, ...], Overview] = OrderedDict()

    # --- which there are

    def listed(self) -> list[Listed]:
        """Runs that have something to replay, the latest first."""
        if self.folder is None:
            return []
        found: list[Listed] = []
        try:
            with os.scandir(self.folder) as entries:
                names = sorted(entry.name for _, entry in zip(range(LOOKED_AT_MAX), entries, strict=False))
        except OSError:
            return []
        for name in names:
            for run in (name, *self._seeds(name)):
                listed = self._listed(run)
                if listed is not None:
                    found.append(listed)
        found.sort(key=lambda one: (-one.written_ms, one.name))
        return found[:LISTED_MAX]

    def _seeds(self, name: str) -> list[str]:
        if self.folder is None or NAME.fullmatch(name) is None or (self.folder / name).is_symlink():
            return []
        try:
            with os.scandir(self.folder / name) as entries:
                inside = [entry.name for _, entry in zip(range(LISTED_MAX), entries, strict=False)]
        except OSError:
            return []
        return [f"{name}/{one}" for one in inside if NAME.fullmatch(f"{name}/{one}")]

    def _listed(self, run: str) -> Listed | None:
        try:
            with self._open(run) as folder:
                truth = os.stat("truth.parquet", dir_fd=folder, follow_symlinks=False)
                inside = set(os.listdir(folder))
        except (UnknownRun, OSError):
            return None
        return Listed(run, truth.st_mtime_ns // 1_000_000, "edges.parquet" in inside, "walks.parquet" in inside)

    @contextmanager
    def _open(self, run: str) -> Iterator[int]:
        """The run's folder, opened step by step so that no link is followed; UnknownRun when there is none."""
        unknown = UnknownRun("There is no such run; /v1/replays/runs lists all.")
        if self.folder is None or NAME.fullmatch(run) is None:
            raise unknown
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
        held = []
        try:
            try:
                held.append(os.open(self.folder, flags))
                for step in run.split("/"):
                    held.append(os.open(step, flags | os.O_NOFOLLOW, dir_fd=held[-1]))
            except OSError:
                raise unknown from None
            yield held[-1]
        finally:
            for descriptor in held:
                os.close(descriptor)

    def lanes(self, run: str) -> list[rows.Layout]:
        """The lanes of a run, in the order of its scenario; of a run without `layout` those that somebody went to."""
        with self._reading, self._open(run) as folder:
            try:
                with table(folder, "layout", rows.Layout.__struct_fields__) as layouts:
                    found, _ = layouts.rows(rows.Layout, {}, LANES_MAX)
                return found
            except Unreadable:
                if "layout.parquet" in os.listdir(folder):
                    raise
            with table(folder, "truth", ("station", "lane")) as truth:
                names: dict[tuple[str, str], None] = {}
                for batch in truth.batches(truth.groups({}), ("station", "lane"), {}):
                    names |= dict.fromkeys(_pairs(batch))
                    if len(names) > LANES_MAX:
                        break
            return [_bare(*name) for name in list(names)[:LANES_MAX]]

    # --- overview

    def overview(self, run: str, station: str, lane: str) -> Overview:
        """The whole run at one lane; UnknownRun, Unreadable."""
        with self._open(run) as folder:
            key = (run, station, lane, *_marks(folder))
            with self._lock:
                known = self._overviews.get(key)
                if known is not None:
                    self._overviews.move_to_end(key)
                    return known
        layout = self._layout(run, station, lane)
        with self._reading, self._open(run) as folder:
            made = _overview(folder, station, lane, layout)
        with self._lock:
            self._overviews[key] = made
            while len(self._overviews) > OVERVIEWS_KEPT:
                self._overviews.popitem(last=False)
        return made

    def _layout(self, run: str, station: str, lane: str) -> rows.Layout | None:
        lanes = self.lanes(run)
        found = next((one for one in lanes if (one.station, one.lane) == (station, lane)), None)
        if found is None:
            raise UnknownRun("There is no such lane in this run; /v1/replays/lanes lists all of a run.")
        return found if found.beams else None

    # --- a stretch

    def stretch(self, run: str, station: str, lane: str, from_ms: int, to_ms: int) -> Stretch:
        """What happened at one lane in a stretch of at most STRETCH_MAX_MS; UnknownRun, Unreadable."""
        layout = self._layout(run, station, lane)
        with self._reading, self._open(run) as folder:
            return _stretch(folder, station, lane, layout, from_ms, min(to_ms, from_ms + STRETCH_MAX_MS))


def _pairs(batch: Any) -> list[tuple[str, str]]:
    """The different pairs of the two columns of a batch."""
    import pyarrow as pa

    whole = pa.Table.from_batches([batch])
    unique = whole.group_by(["station", "lane"], use_threads=False).aggregate([])
    return [(row["station"], row["lane"]) for row in unique.to_pylist()]


def _bare(station: str, lane: str) -> rows.Layout:
    """A lane of which nothing is known but its name."""
    return rows.Layout(station, lane, "", "", "", [], 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _marks(folder: int) -> list[tuple[str, int, int, int]]:
    """By what the tables of a run are known to be those of before."""
    found = []
    for name in ("edges", "joined", "layout"):
        try:
            told = os.stat(f"{name}.parquet", dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        found.append((name, told.st_ino, told.st_size, told.st_mtime_ns))
    return found


def _is_there(folder: int, name: str) -> bool:
    return f"{name}.parquet" in os.listdir(folder)


def _of(station: str, lane: str, **ranges: tuple[int | None, int | None]) -> Wanted:
    return {"station": (station, station), "lane": (lane, lane), **ranges}


def _columns(form: type[msgspec.Struct]) -> tuple[str, ...]:
    return ("station", "lane", *(name for name in form.__struct_fields__ if name not in ("station", "lane")))


def _overview(folder: int, station: str, lane: str, layout: rows.Layout | None) -> Overview:
    import pyarrow.compute as pc

    tables = [name for name in ("truth", "records", "joined", "edges", "walks", "shows") if _is_there(folder, name)]
    wanted = _of(station, lane)
    moments: list[rows.Joined] = []
    left_out, to_ms = 0, 0 if layout is None else layout.run_ms
    with table(folder, "joined", _columns(rows.Joined)) as joined:
        for batch in joined.batches(joined.groups(wanted), rows.Joined.__struct_fields__, wanted):
            told = [match in ACCUSED or match in OVERLOOKED for match in batch.column("match").to_pylist()]
            to_ms = max(to_ms, pc.max(batch.column("at_ms")).as_py(), pc.max(batch.column("left_ms")).as_py())
            for row, interesting in zip(batch.to_pylist(), told, strict=True):
                # An honest rider whom no verdict is about is nobody's loss.
                if not interesting or (row["match"] in OVERLOOKED and row["honest"]):
                    continue
                if len(moments) >= MOMENTS_MAX:
                    left_out += 1
                    continue
                moments.append(_moment(joined, row))
    edges = [0] * BINS
    bin_ms = 1
    if "edges" in tables:
        with table(folder, "edges", _columns(rows.Edge)) as told_edges:
            bounds = told_edges.bounds("at_ms")
            to_ms = max(to_ms, 0 if bounds is None else bounds[1])
            bin_ms = max(1, -(-(to_ms + 1) // BINS))
            for batch in told_edges.batches(told_edges.groups(wanted), ("at_ms",), wanted):
                counted = pc.value_counts(pc.divide(batch.column("at_ms"), bin_ms)).to_pylist()
                for one in counted:
                    if not 0 <= one["values"] < BINS:
                        raise told_edges.strange()
                    edges[one["values"]] += one["counts"]
    else:
        bin_ms = max(1, -(-(to_ms + 1) // BINS))
    moments.sort(key=lambda one: one.at_ms)
    return Overview(layout, to_ms, bin_ms, edges, moments, left_out, tables)


def _moment(joined: Table, row: dict[str, Any]) -> rows.Joined:
    """A row of `joined`; one that no verdict is about stands where its rider left."""
    try:
        found = msgspec.convert(row, rows.Joined)
    except msgspec.ValidationError as error:
        raise joined.strange() from error
    return found if found.at_ms >= 0 else msgspec.structs.replace(found, at_ms=max(0, found.left_ms))


def _stretch(folder: int, station: str, lane: str, layout: rows.Layout | None, from_ms: int, to_ms: int) -> Stretch:
    edges: list[rows.Edge] = []
    beams: list[int | None] = [None] * (0 if layout is None else len(layout.beams))
    whole = True
    if _is_there(folder, "edges"):
        with table(folder, "edges", _columns(rows.Edge)) as told:
            edges, whole = told.rows(rows.Edge, _of(station, lane, at_ms=(from_ms, to_ms)), EDGES_MAX)
            if not whole:
                # Whole milliseconds only: what shares the last one with an edge that was left out goes as well.
                to_ms = edges[-1].at_ms - 1
                edges = [edge for edge in edges if edge.at_ms <= to_ms]
            beams = _before(told, station, lane, from_ms, beams, edges)
    shows: list[rows.Show] = []
    if _is_there(folder, "shows"):
        with table(folder, "shows", _columns(rows.Show)) as told:
            shows, _ = told.rows(rows.Show, _of(station, lane, at_ms=(from_ms, to_ms)), SHOWS_MAX)
            shows = [*_last_show(told, station, lane, from_ms), *shows]
    walks: list[rows.Walk] = []
    if _is_there(folder, "walks"):
        with table(folder, "walks", _columns(rows.Walk)) as told:
            there = _of(station, lane, since_ms=(None, to_ms), until_ms=(from_ms, None))
            walks, _ = told.rows(rows.Walk, there, WALKS_MAX)
    crossings = _crossings(folder, station, lane, from_ms, to_ms)
    with table(folder, "records", _columns(rows.Verdict)) as told:
        verdicts, _ = told.rows(rows.Verdict, _of(station, lane, at_ms=(from_ms, to_ms)), CROSSINGS_MAX)
    return Stretch(
        from_ms,
        to_ms,
        whole,
        beams,
        edges,
        shows,
        walks,
        crossings,
        verdicts,
        _joined(folder, station, lane, from_ms, to_ms),
    )


def _crossings(folder: int, station: str, lane: str, from_ms: int, to_ms: int) -> list[rows.Crossing]:
    """Riders who were at the reader or between the beams in the stretch."""
    with table(folder, "truth", _columns(rows.Crossing)) as truth:
        came = _of(station, lane, arrived_ms=(max(0, from_ms - BACK_MS), to_ms))
        found: list[rows.Crossing] = []
        groups = truth.groups(came)
        for batch in truth.batches(groups, rows.Crossing.__struct_fields__, came):
            for row in batch.to_pylist():
                first = min([row[n] for n in ("reader_ms", "tapped_ms", "entered_ms") if row[n] >= 0], default=-1)
                last = max(row[n] for n in ("reader_ms", "tapped_ms", "entered_ms", "left_ms", "all_left_ms"))
                if first < 0 or first > to_ms or last < from_ms:
                    continue
                try:
                    found.append(msgspec.convert(row, rows.Crossing))
                except msgspec.ValidationError as error:
                    raise truth.strange() from error
                if len(found) >= CROSSINGS_MAX:
                    return found
    return sorted(found, key=lambda one: max(one.entered_ms, one.reader_ms))


def _joined(folder: int, station: str, lane: str, from_ms: int, to_ms: int) -> list[rows.Joined]:
    """Rows of the join by the verdict's time; of those without one by when their rider left."""
    with table(folder, "joined", _columns(rows.Joined)) as told:
        by_verdict, _ = told.rows(rows.Joined, _of(station, lane, at_ms=(from_ms, to_ms)), CROSSINGS_MAX)
        alone = _of(station, lane, at_ms=(-1, -1), left_ms=(from_ms, to_ms))
        unseen, _ = told.rows(rows.Joined, alone, CROSSINGS_MAX)
    return [*by_verdict, *unseen]


def _before(
    told: Table, station: str, lane: str, from_ms: int, beams: list[int | None], edges: list[rows.Edge]
) -> list[int | None]:
    """How each beam stood just before `from_ms`.

    A beam's edges alternate, so its first in the stretch says what it was before. Of a beam without one the last edge
    before the stretch says it, which is looked for group by group; a beam that no edge of the run came from is clear.
    """
    known: dict[int, int] = {}
    for edge in edges:
        known.setdefault(edge.beam, 1 - edge.blocked)
    count = max(len(beams), 1 + max((edge.beam for edge in edges), default=-1))
    earlier = _of(station, lane, at_ms=(0, from_ms - 1))
    groups = told.groups(earlier) if from_ms > 0 else []
    near = groups[-BACK_GROUPS:]
    for number in reversed(near):
        if len(known) >= count:
            break
        last: dict[int, int] = {}
        for batch in told.batches([number], rows.Edge.__struct_fields__, earlier):
            # Later rows overwrite earlier ones.
            last |= dict(zip(batch.column("beam").to_pylist(), batch.column("blocked").to_pylist(), strict=True))
        for beam, blocked in last.items():
            if 0 <= beam < rows.BEAMS_MAX and blocked in (0, 1):
                known.setdefault(beam, blocked)
                count = max(count, beam + 1)
    silent = 0 if len(near) == len(groups) else None
    return [known.get(beam, silent) for beam in range(count)]


def _last_show(told: Table, station: str, lane: str, from_ms: int) -> list[rows.Show]:
    """What the gate showed last before a stretch; nothing where that is too long ago."""
    earlier = _of(station, lane, at_ms=(0, from_ms - 1))
    for number in reversed((told.groups(earlier) if from_ms > 0 else [])[-BACK_GROUPS:]):
        last = None
        for batch in told.batches([number], rows.Show.__struct_fields__, earlier):
            last = batch.slice(batch.num_rows - 1).to_pylist()
        if last:
            try:
                return msgspec.convert(last, list[rows.Show])
            except msgspec.ValidationError as error:
                raise told.strange() from error
    return []
