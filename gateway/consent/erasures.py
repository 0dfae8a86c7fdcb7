"""The journal of erasures: what may not come back, in a file beside the database.

A database that is restored from a backup has rows that were erased since. So each erased handle leaves a fingerprint in
this file, which is no part of the database: at the gateway's start what matches is erased again, and a record that
comes later under such a handle (from a gate that still held it) is not stored.

Rules: a fingerprint is a hash over the handle, which is a hash over the token: it leads to nothing, and says something
only to who has the handle already. One line each, ``<last day> <64 hex digits>``; beside it stands the day after which
nothing can match any more. The clock that said so may have been wrong, when the line was written or when that day
seems to be past: so a line that is past its day is first remembered once more (then ``again`` is its third word),
counted from now, and goes only when that is past too, by a clock that has run for an hour without a jump. A line is on
the disk before its rows are deleted. At most ``MOST`` fingerprints are kept of handles that had no rows; those that
had rows are always kept. Safe to use from several threads.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gateway.admission.rules import DAY_MS
from gateway.errors import UserError
from gateway.store.database import StoreFull

FILE_NAME: Final = "erasures"
MOST: Final = 250_000
_LINE: Final = re.compile(rb"(0|[1-9][0-9]{0,6}) ([0-9a-f]{64})( again)?")


def fingerprint(handle: str) -> bytes:
    """32 bytes; ``handle`` is 64 hex digits."""
    return hashlib.sha256(b"gateline erased" + handle.encode()).digest()


def fingerprints(directory: Path) -> set[str]:
    """What the journal of ``directory`` holds, as hex digits: for audits, who read the file and write nothing."""
    path = directory / FILE_NAME
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {match[2].decode() for match in map(_LINE.fullmatch, lines) if match is not None}


class Erasures:
    """The journal of one data directory."""

    def __init__(self, directory: Path, most: int = MOST) -> None:
        """Read the journal; :class:`UserError` when it can't be read or is damaged."""
        self._path = directory / FILE_NAME
        self._most = most
        self._lock = threading.Lock()
        self._days: dict[bytes, int] = {}
        self._again: set[bytes] = set()
        self._read()

    def __len__(self) -> int:
        return len(self._days)

    def __contains__(self, handle: object) -> bool:
        # Without the lock: a dictionary's look-up is one step, and who erases waits for transactions in any case.
        return bool(self._days) and isinstance(handle, str) and fingerprint(handle) in self._days

    def note(self, with_rows: Iterable[str], without_rows: Iterable[str], last_day: int) -> bool:
        """Remember handles until ``last_day``; False when there was no room for those without rows.

        On return they are on the disk. :class:`StoreFull` when they can't be; then nothing is remembered.
        """
        with self._lock:
            fresh = {fingerprint(handle) for handle in with_rows}
            more = {fingerprint(handle) for handle in without_rows} - self._days.keys()
            room = len(self._days) + len(more) <= self._most
            if room:
                fresh |= more
            fresh = {one for one in fresh if self._days.get(one, -1) < last_day}
            if fresh:
                self._append(b"".join(_line(last_day, one) for one in sorted(fresh)))
                self._days.update(dict.fromkeys(fresh, last_day))
                self._again -= fresh
            return room

    def forget(self, now_ms: int, until_day: int, *, steady: bool) -> None:
        """Look at what is past its day: the first time it is remembered until ``until_day``, the second time dropped.

        That only while the clock is ``steady``. :class:`StoreFull` when the file can't be written anew.
        """
        today = now_ms // DAY_MS
        with self._lock:
            past = {one for one, day in self._days.items() if day < today}
            again = past - self._again
            gone = past & self._again if steady else set()
            if not again and not gone:
                return
            days = {one: until_day if one in again else day for one, day in self._days.items() if one not in gone}
            self._write(days, (self._again | again) - gone)
            self._days, self._again = days, (self._again | again) - gone

    def _read(self) -> None:
        try:
            data = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise UserError(
                f"The journal of erasures {self._path} cannot be read ({error.strerror}); give this user the right to "
                "read it."
            ) from error
        *lines, torn = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            match = _LINE.fullmatch(line)
            if match is None:
                raise UserError(
                    f"Line {number} of the journal of erasures {self._path} is damaged; put back a copy of it, or "
                    "remove that line: what it stood for may then come back with a restored database."
                )
            one = bytes.fromhex(match[2].decode())
            self._days[one] = max(int(match[1]), self._days.get(one, 0))
            if match[3]:
                self._again.add(one)
            else:
                self._again.discard(one)
        if torn:
            # Cut off by a power cut before it was on the disk, so nobody was told that it was done.
            try:
                self._write(self._days, self._again)
            except StoreFull as error:
                raise UserError(f"The journal of erasures {self._path} cannot be written; make room.") from error

    def _append(self, data: bytes) -> None:
        try:
            new = not self._path.exists()
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    if os.write(descriptor, data) != len(data):
                        raise OSError("not all was written")
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)
            if new:
                _sync_directory(self._path.parent)
        except OSError as error:
            raise StoreFull from error

    def _write(self, days: dict[bytes, int], again: set[bytes]) -> None:
        fresh = self._path.with_name(FILE_NAME + ".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.writelines(_line(day, one, one in again) for one, day in sorted(days.items()))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise StoreFull from error


def _line(day: int, one: bytes, again: bool = False) -> bytes:
    return b"%d %s%s\n" % (day, one.hex().encode(), b" again" if again else b"")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
