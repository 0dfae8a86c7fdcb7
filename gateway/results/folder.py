"""The folder of runs that `gateline gateway run --runs` names: which runs there are, and their scorecards.

Rules: only `FOLDER/<run>/scorecard.json` is read, never through a link, never more than a bound, and nothing is ever
written. What is there may be anybody's: a file that is no scorecard is told as such, and hides no other. The folder is
looked at once in a while for all who ask; a file is read again only when it has changed.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import UserError
from gateway.results.card import NotAScorecard, Scorecard, decode

SCORECARD: Final = "scorecard.json"
FILE_MAX_BYTES: Final = 4 * 1024 * 1024
RUNS_MAX: Final = 200
"""So many runs are shown; of more, those that were written last."""
LOOKED_AT_MAX: Final = 5_000
LOOK_S: Final = 1.0
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STEP: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its scorecard, or what is wrong with it (a clause)."""

    name: str
    written_ms: int
    card: Scorecard | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in the folder: runs, the latest first; how many were left out; what is wrong with the folder."""

    runs: tuple[Run, ...] = ()
    left_out: int = 0
    problem: str = ""

    def find(self, name: str) -> Run | None:
        """The run of that name."""
        return next((run for run in self.runs if run.name == name), None)


@dataclass(frozen=True, slots=True)
class _Mark:
    """By what a file is known to be the same as before."""

    device: int
    inode: int
    size: int
    changed_ns: int


class Runs:
    """The runs of a gateway; without a folder there are none."""

    def __init__(self, folder: Path | None, clock_s: Callable[[], float] = time.monotonic) -> None:
        """:class:`UserError` for a folder that is not there, or is a run itself."""
        self.folder = folder
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._listing = Listing()
        self._looked_s: float | None = None
        self._kept: dict[str, tuple[_Mark, Run]] = {}
        if folder is None:
            return
        if not folder.is_dir():
            raise UserError(
                f"--runs takes a folder with runs of `gateline simulate FILE --out {folder}/NAME`, and {folder} is "
                "none. Make it, or leave the option out."
            )
        if (folder / SCORECARD).is_file():
            raise UserError(f"{folder} is itself a run; --runs takes the folder that it is in: {folder.parent}.")

    def look(self) -> Listing:
        """What there is now, at most a second old. Reads files: not for an event loop."""
        with self._lock:
            now_s = self._clock_s()
            if self.folder is not None and (self._looked_s is None or now_s - self._looked_s >= LOOK_S):
                self._listing = self._read(self.folder)
                self._looked_s = now_s
            return self._listing

    def _read(self, folder: Path) -> Listing:
        found: list[tuple[int, str, _Mark]] = []
        left_out = 0
        try:
            with _opened(str(folder), os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY) as root, os.scandir(root) as entries:
                for number, entry in enumerate(entries):
                    if number >= LOOKED_AT_MAX:
                        left_out += 1
                        continue
                    # A name with a dot before it is of something unfinished.
                    mark = None if entry.name.startswith(".") else _mark(root, entry)
                    if mark is None:
                        continue
                    if NAME.fullmatch(entry.name) is None:
                        left_out += 1
                        continue
                    found.append((mark.changed_ns, entry.name, mark))
                found.sort(reverse=True)
                shown = found[:RUNS_MAX]
                kept = {}
                for _, name, mark in shown:
                    before = self._kept.get(name)
                    kept[name] = before if before and before[0] == mark else (mark, _run(root, name, mark))
        except OSError as error:
            self._kept = {}
            return Listing(problem=f"The folder {folder.name} can't be read ({error.strerror}).")
        self._kept = kept
        return Listing(tuple(kept[name][1] for _, name, _ in shown), left_out + len(found) - len(shown))


@contextmanager
def _opened(path: str, flags: int, parent: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _mark(root: int, entry: os.DirEntry[str]) -> _Mark | None:
    """That of the run's scorecard; None for what is no run: a file, a link, a folder without a scorecard."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return None
        with _opened(entry.name, _STEP | os.O_DIRECTORY, root) as run:
            told = os.stat(SCORECARD, dir_fd=run, follow_symlinks=False)
    except OSError:
        return None
    return _Mark(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)


def _run(root: int, name: str, mark: _Mark) -> Run:
    written_ms = mark.changed_ns // 1_000_000
    try:
        return Run(name, written_ms, decode(_bytes(root, name)))
    except NotAScorecard as wrong:
        return Run(name, written_ms, None, str(wrong))
    except OSError as error:
        return Run(name, written_ms, None, f"it can't be read ({error.strerror})")


def _bytes(root: int, name: str) -> bytes:
    with _opened(name, _STEP | os.O_DIRECTORY, root) as run:
        try:
            descriptor = os.open(SCORECARD, _STEP | os.O_NONBLOCK, dir_fd=run)
        except OSError as error:
            if stat.S_ISLNK(os.stat(SCORECARD, dir_fd=run, follow_symlinks=False).st_mode):
                raise NotAScorecard("it is a link to a file elsewhere, and links are not followed") from None
            raise error
        with open(descriptor, "rb") as file:
            told = os.fstat(descriptor)
            if not stat.S_ISREG(told.st_mode):
                raise NotAScorecard("it is no ordinary file")
            text = file.read(FILE_MAX_BYTES + 1)
    if len(text) > FILE_MAX_BYTES:
        raise NotAScorecard(f"it is larger than {FILE_MAX_BYTES // 1024 // 1024} MiB, and was not read")
    return text
