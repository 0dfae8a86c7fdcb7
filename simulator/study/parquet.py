"""A run's rows as Parquet: truth, records, joined, edges, and what a replay needs besides, a table a file.

Rules: rows are written in batches (edges, of which there are most, as they come); a file has its name only when it is
whole; the same rows give the same bytes. Units are in the columns' names and in the schema's own words. Errors are
sentences (UserError).
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import UserError
from simulator.study.join import Joined
from simulator.study.rows import Crossing, Edge, Layout, Part, Place, Point, Raised, Show, Verdict, Walk

BATCH_ROWS = 50_000

TRUTH, RECORDS, JOINED, EDGES = "truth", "records", "joined", "edges"
LAYOUT, WALKS, SHOWS = "layout", "walks", "shows"

_MEANINGS = {
    TRUTH: "What each synthetic rider did at one lane. Times are virtual ms since the run began, -1 for never.",
    RECORDS: "What each gate's firmware decided. Times are virtual ms; confidence is percent, -1 without a body.",
    JOINED: "Truth against report: a row for each rider, and one for each decision that no rider answers to.",
    EDGES: "What each beam did, as its device heard it. Times are virtual ms; blocked: 1 broken, 0 clear.",
    LAYOUT: "Where the things of each lane are, in mm, and when the run began on its own clock.",
    WALKS: "How each body went: straight lines between points, its parts behind its front. Times are virtual ms.",
    SHOWS: "What each gate showed from that moment on, and how its arm moved. Times are virtual ms; percent open.",
}

_NESTED = {list[Part]: Part, list[Raised]: Raised, list[Point]: Point, list[Place]: Place}


def _type(name: str, annotation: Any, nested: bool = False) -> pa.DataType:
    if annotation in (bool, bool | None):
        return pa.bool_()
    if annotation in (str, str | None):
        # Few different values, said again and again; riders are the exception.
        # Within a list pyarrow reads no dictionary back in batches.
        plain = nested or name in ("rider", "leader")
        return pa.string() if plain else pa.dictionary(pa.int32(), pa.string())
    if annotation in _NESTED:
        return pa.list_(pa.struct(_fields(_NESTED[annotation], nested=True)))
    return pa.int64() if name.endswith("_ms") else pa.int16()


def _fields(row: type, nested: bool = False) -> list[pa.Field]:
    return [pa.field(name, _type(name, annotation, nested)) for name, annotation in row.__annotations__.items()]


def _schema(table: str, row: type) -> pa.Schema:
    return pa.schema(_fields(row), metadata={"about": _MEANINGS[table]})


SCHEMAS = {
    TRUTH: _schema(TRUTH, Crossing),
    RECORDS: _schema(RECORDS, Verdict),
    JOINED: _schema(JOINED, Joined),
    EDGES: _schema(EDGES, Edge),
    LAYOUT: _schema(LAYOUT, Layout),
    WALKS: _schema(WALKS, Walk),
    SHOWS: _schema(SHOWS, Show),
}


class TableWriter:
    """Writes one table; use it in a `with`, which leaves either the whole file or none."""

    def __init__(self, folder: Path, table: str) -> None:
        self.path = folder / f"{table}.parquet"
        self._schema = SCHEMAS[table]
        self._partial = folder / f"{table}.parquet.partial"
        self._rows: list[tuple[Any, ...]] = []
        try:
            self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        except OSError as error:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)
            raise _no_room(self.path, error) from error

    def add(self, row: tuple[Any, ...]) -> None:
        """One more row, in the order of the schema's columns."""
        self._rows.append(row)
        if len(self._rows) >= BATCH_ROWS:
            self._flush()

    def add_table(self, table: pa.Table) -> None:
        """All rows of a table of the same schema."""
        self._flush()
        try:
            self._writer.write_table(table, row_group_size=BATCH_ROWS)
        except OSError as error:
            raise _no_room(self.path, error) from error

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._rows = []
        try:
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        except OSError as error:
            raise _no_room(self.path, error) from error

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
            self._writer.close()
            if kind is None:
                self._partial.replace(self.path)
        except OSError as problem:
            raise _no_room(self.path, problem) from problem
        finally:
            self._partial.unlink(missing_ok=True)


def write(folder: Path, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """A whole table at once."""
    with TableWriter(folder, table) as writer:
        for row in rows:
            writer.add(row)


def merge(folder: Path, table: str, parts: Iterable[Path]) -> None:
    """One file of several, in their order; a part at a time is in memory."""
    with TableWriter(folder, table) as writer:
        for part in parts:
            writer.add_table(pq.read_table(part / f"{table}.parquet", schema=SCHEMAS[table]))


def read(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, as dictionaries; raises UserError for a folder that has none."""
    path = folder / f"{table}.parquet"
    if not path.is_file():
        raise UserError(f"There is no {path.name} in {folder}; `gateline simulate FILE --out {folder}` writes one.")
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def run_folder(folder: Path) -> Path:
    """Make a folder for a run; raises UserError when it can't be made or holds something already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} isn't empty. Choose another folder with --out, or clear that one.")
    except FileExistsError:
        raise UserError(f"{folder} is a file. Choose another folder with --out.") from None
    except OSError as error:
        raise UserError(f"Can't write in {folder} ({error.strerror}). Choose another folder with --out.") from error
    return folder


def _no_room(path: Path, error: OSError) -> UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space" in str(error):
        return UserError(f"There is no room left for {path}. Make room, or choose another folder with --out.")
    return UserError(f"Can't write {path} ({error.strerror or error}). Choose another folder with --out.")
