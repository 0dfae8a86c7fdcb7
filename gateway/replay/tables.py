"""Parquet tables of a simulated run, read a piece at a time.

Rules: a table may have tens of millions of rows and may be anybody's. Only the columns asked for are read, only row
groups whose own statistics say that they may hold something, and one batch of rows is in memory at once. A file is
opened without following links. What can't be read is told in a sentence (Unreadable), whatever is wrong with it.
pyarrow is imported when a table is read for the first time: it takes a moment and a gateway may never need it.

Does not belong here: what a run is (run.py), HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, TypeVar

import msgspec

BATCH_ROWS: Final = 50_000
BATCH_ROWS_OF_LISTS: Final = 64
"""Where a column holds lists: what is in one isn't known before it is read."""
GROUP_MAX_BYTES: Final = 64 * 1024 * 1024
"""A row group larger than that is none of ours (ours have 50,000 rows) and is not read."""

VALUES_PER_ROW: Final = 64
"""Of a list; a lane has 24 beams at most. A row group's own size says little: what repeats takes no room in it."""
TEXT_MAX_BYTES: Final = 1_000
"""The longest text; those of runs are names and words."""

NUMBERS: Final = frozenset(("beam", "blocked", "confidence", "arm", "arm_to"))
"""Columns of numbers, besides those whose name ends in _ms."""
MAY_BE_NULL: Final = "honest"

Range = tuple[Any, Any]
R = TypeVar("R", bound=msgspec.Struct)
Wanted = Mapping[str, Range]
"""Column -> (smallest, largest) that a row may have; None for no bound on that side."""


class Unreadable(Exception):
    """A table is not there, damaged, or not of the form of a run's; the text says which, and how to mend it."""


def _opened(folder: int, name: str) -> BinaryIO:
    """A file in an open folder; links are not followed."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    return os.fdopen(descriptor, "rb")


@contextmanager
def table(folder: int, name: str, columns: Sequence[str]) -> Iterator[Table]:
    """A table of an open run's folder, with these columns at least; Unreadable when there is no such thing.

    What goes wrong while it is read is told as Unreadable too.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file_name = f"{name}.parquet"
    try:
        with _opened(folder, file_name) as raw, pq.ParquetFile(raw) as plain:
            texts = [field.name for field in plain.schema_arrow if pa.types.is_string(field.type)]
            # Texts as numbers of a dictionary: one that repeats is in memory once, however long it is.
            file = pq.ParquetFile(raw, read_dictionary=texts)
            missing = [column for column in columns if column not in file.schema_arrow.names]
            if missing:
                raise Unreadable(
                    f"{file_name} has no column {missing[0]}: it is not a table of this version's "
                    "`gateline simulate --out`."
                )
            for column in columns:
                kind = file.schema_arrow.field(column).type
                if (column in NUMBERS or column.endswith("_ms")) and not pa.types.is_integer(kind):
                    raise Table(file, file_name).strange()
            yield Table(file, file_name)
    except FileNotFoundError:
        raise Unreadable(f"There is no {file_name} in this run; `gateline simulate FILE --out` writes one.") from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise Unreadable(
            f"{file_name} is damaged, or is no Parquet file. Run the scenario again into a new folder."
        ) from error
    except OSError as error:
        # pyarrow tells a damaged page as an OSError without a number.
        if error.errno is None:
            raise Unreadable(f"{file_name} is damaged. Run the scenario again into a new folder.") from error
        raise Unreadable(f"{file_name} can't be read ({error.strerror}).") from error


class Table:
    """An open table. Row groups are looked at by number; their statistics say which are worth reading."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self._name = name
        self._places = {file.metadata.schema.column(n).path: n for n in range(file.metadata.num_columns)}

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        return list(self._file.schema_arrow.names)

    def groups(self, wanted: Wanted) -> list[int]:
        """The row groups that may hold rows within all these ranges, in their order."""
        return [number for number in range(self._file.metadata.num_row_groups) if self._may_hold(number, wanted)]

    def bounds(self, column: str) -> Range | None:
        """The smallest and the largest value of a column by the statistics; None where they don't tell."""
        lows, highs = [], []
        for number in range(self._file.metadata.num_row_groups):
            told = self._told(number, column)
            if told is None:
                return None
            lows.append(told[0])
            highs.append(told[1])
        return (min(lows), max(highs)) if lows else None

    def _told(self, number: int, column: str) -> Range | None:
        place = self._places.get(column)
        if place is None:
            return None
        statistics = self._file.metadata.row_group(number).column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        return statistics.min, statistics.max

    def _may_hold(self, number: int, wanted: Wanted) -> bool:
        for column, (low, high) in wanted.items():
            told = self._told(number, column)
            if told is None:
                continue
            if (low is not None and told[1] < low) or (high is not None and told[0] > high):
                return False
        return True

    def batches(self, groups: Sequence[int], columns: Sequence[str], wanted: Wanted) -> Iterator[Any]:
        """The rows of these groups within the ranges, as record batches of these columns, in order."""
        read = list(dict.fromkeys([*columns, *wanted]))
        for number in groups:
            if self._file.metadata.row_group(number).total_byte_size > GROUP_MAX_BYTES:
                raise Unreadable(
                    f"{self._name} has a row group of more than {GROUP_MAX_BYTES // 1024 // 1024} MiB; those that "
                    "`gateline simulate --out` writes have 50,000 rows each."
                )
            self._require_bounded(number, read)
            for batch in self._file.iter_batches(self._batch_rows(read), row_groups=[number], columns=read):
                self._require_short(batch)
                kept = _within(batch, wanted)
                if not kept.num_rows:
                    continue
                if any(kept.column(name).null_count for name in columns if name != MAY_BE_NULL):
                    raise self.strange()
                yield kept.select(list(columns))

    def _require_bounded(self, number: int, columns: Sequence[str]) -> None:
        """Unreadable for a row group with more values in a column than rows of a run can have."""
        group = self._file.metadata.row_group(number)
        for place in range(group.num_columns):
            chunk = group.column(place)
            if chunk.path_in_schema.split(".", 1)[0] not in columns:
                continue
            if chunk.num_values > group.num_rows * VALUES_PER_ROW or group.num_rows > 20 * BATCH_ROWS:
                raise self.strange()

    def _batch_rows(self, columns: Sequence[str]) -> int:
        import pyarrow as pa

        kinds = [self._file.schema_arrow.field(column).type for column in columns]
        # Texts of these kinds are no dictionary's, so one that repeats would be in memory as often as it stands there.
        for kind in kinds:
            words = kind.value_type if pa.types.is_dictionary(kind) else kind
            if pa.types.is_large_string(words) or pa.types.is_binary(words) or pa.types.is_large_binary(words):
                raise self.strange()
        return BATCH_ROWS_OF_LISTS if any(pa.types.is_nested(kind) for kind in kinds) else BATCH_ROWS

    def _require_short(self, batch: Any) -> None:
        """Unreadable for a list or a text that is longer than any of a run's, wherever it stands."""
        if not all(_is_short(column) for column in batch.columns):
            raise self.strange()

    def rows(self, form: type[R], wanted: Wanted, limit: int) -> tuple[list[R], bool]:
        """At most so many rows as such structs, and whether that is all of them."""
        found: list[R] = []
        for batch in self.batches(self.groups(wanted), form.__struct_fields__, wanted):
            room = limit - len(found)
            try:
                found += msgspec.convert(batch.slice(0, room).to_pylist(), list[form])  # type: ignore[valid-type]
            except msgspec.ValidationError as error:
                raise self.strange() from error
            if batch.num_rows > room:
                return found, False
        return found, True

    def strange(self) -> Unreadable:
        """What to say of values that no run has."""
        return Unreadable(
            f"{self._name} holds values that `gateline simulate` does not write. Run the scenario again into a new "
            "folder."
        )


def _is_short(column: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _is_short(column.dictionary)
    if pa.types.is_list(kind):
        longest = pc.max(pc.list_value_length(column)).as_py() or 0
        return bool(longest <= VALUES_PER_ROW) and _is_short(column.flatten())
    if pa.types.is_struct(kind):
        return all(_is_short(part) for part in column.flatten())
    if pa.types.is_string(kind):
        return bool((pc.max(pc.binary_length(column)).as_py() or 0) <= TEXT_MAX_BYTES)
    return bool(pa.types.is_primitive(kind) or pa.types.is_null(kind))


def _within(batch: Any, wanted: Wanted) -> Any:
    import pyarrow.compute as pc

    mask = None
    for name, (low, high) in wanted.items():
        column = batch.column(name)
        for bound, compare in ((low, pc.greater_equal), (high, pc.less_equal)):
            if bound is None:
                continue
            part = _equal(column, bound) if low == high else compare(column, bound)
            mask = part if mask is None else pc.and_(mask, part)
            if low == high:
                break
    return batch if mask is None else batch.filter(mask)


def _equal(column: Any, value: Any) -> Any:
    """Which rows have that value; of a dictionary only the numbers are compared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return pc.equal(column, value)
    words = column.dictionary.to_pylist()
    number = words.index(value) if value in words else -1
    return pc.equal(column.indices, number)
