"""Access, erasure and retention on one database: what riders may ask for, and what is deleted without being asked.

Rules: whoever shows a token sees and erases what is stored under its hash, and need not say who they are; a token under
which nothing is stored is answered like one that never was. "Done" is said only when the bytes are gone from the file
and its log: until then :class:`ErasureUnfinished` says so, and asking again goes on where it stopped. An erased handle
stays erased: what comes later under it is not stored (erasures.py). ``clock`` gives epoch milliseconds.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.admission.rules import DAY_MS
from gateway.consent.erasures import Erasures
from gateway.consent.retention import SWEEP_MS, Retention
from gateway.live.state import LiveState
from gateway.store.consent import SCRUB_PATIENCE_S, ConsentStore, Removed
from gateway.store.database import StoreBusy, StoreFull, patiently

log = logging.getLogger("gateline.consent")

RETRY_S: Final = 5.0
ERASE_PATIENCE_S: Final = 10.0
HANDLES_AT_ONCE: Final = 500


class ErasureUnfinished(Exception):
    """The rows are deleted, their bytes are not gone yet; asking again goes on."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did.

    ``rows`` that it deleted; ``covers_later``: whether what gates still hold under these tokens is kept out too;
    ``remembered_until_day``: until when (days since 1970-01-01) that is remembered.
    """

    rows: int
    covers_later: bool
    remembered_until_day: int


@dataclass(slots=True)
class Sweeps:
    """What was deleted by itself since the gateway's start: when it was looked for last, and what went."""

    looked_ms: int | None = None
    deleted_ms: int | None = None
    """The last run that deleted anything."""
    deleted: int = 0
    """Rows of that run."""
    deleted_all: int = 0


def handle_of(token: str) -> str:
    """The handle, 64 hex digits, of a token of 64 hex digits."""
    return hashlib.sha256(bytes.fromhex(token)).hexdigest()


class Keeping:
    """What is kept, until when, and how it goes."""

    def __init__(
        self,
        store: ConsentStore,
        erasures: Erasures,
        retention: Retention,
        live: LiveState,
        clock: Callable[[], int],
        keep_days: Callable[[], int] | None = None,
    ) -> None:
        """``keep_days`` tells anew before each sweep how long rows live; without it, that stays as it is."""
        self._store = store
        self._erasures = erasures
        self.retention = retention
        self._live = live
        self._clock = clock
        self._keep_days = keep_days
        self.sweeps = Sweeps()
        self._unscrubbed = True
        self._clock_told = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    @property
    def remembered(self) -> int:
        """How many erased handles (one pass on one day each) the journal remembers."""
        return len(self._erasures)

    # -- what riders ask

    def rows(self, tokens: Iterable[str]) -> list[dict[str, Any]]:
        """What is stored under these tokens, in order of time; StoreBusy while the database cannot be read."""
        found = []
        for row in self._store.passages(handle_of(token) for token in tokens):
            day_start_ms = row.pop("day_start_ms") or 0
            found.append(
                {
                    "day": (row["at"] - day_start_ms) // DAY_MS,
                    **row,
                    "kept_until": self.retention.kept_until(row["at"]),
                }
            )
        return found

    def erase(self, tokens: Sequence[str], patience_s: float = ERASE_PATIENCE_S) -> Erased:
        """Delete what is stored under these tokens, and return when the bytes are gone.

        :class:`StoreBusy` or :class:`StoreFull`: nothing is deleted yet. :class:`ErasureUnfinished`: it is deleted, but
        somebody reads an older state, so its bytes are still in the log. In each case the same call can be made again.
        """
        handles = [handle_of(token) for token in tokens]
        last_day = self.retention.remembered_until_day(self._clock())

        def remove() -> tuple[bool, Removed]:
            # First the journal, then the rows: a power cut between the two leaves what the next start erases.
            present = self._store.present(handles)
            room = self._erasures.note(present, set(handles) - present, last_day)
            return room, self._store.remove_handles(handles)

        room, removed = patiently(remove, patience_s)
        self._live.take_away(removed.passages)
        self._scrub_or_tell()
        return Erased(removed.rows, room, last_day)

    def _scrub_or_tell(self) -> None:
        # Always, and not only when something was deleted: an earlier call may have got no further than that.
        try:
            self._scrub()
        except (StoreBusy, StoreFull) as error:
            raise ErasureUnfinished from error

    def _scrub(self) -> None:
        self._unscrubbed = True
        self._store.scrub(SCRUB_PATIENCE_S)
        self._unscrubbed = False

    # -- what goes by itself

    def begin(self) -> None:
        """At the start: repeat the erasures on a database that may be a restored one, then delete what is due."""
        if len(self._erasures):
            again = patiently(lambda: self._store.matching(self._erasures.__contains__))
            rows = 0
            for first in range(0, len(again), HANDLES_AT_ONCE):
                part = again[first : first + HANDLES_AT_ONCE]
                rows += patiently(lambda part=part: self._store.remove_handles(part)).rows  # type: ignore[misc]
            if rows:
                log.warning("%d rows that riders had erased were there again, and are erased again.", rows)
        patiently(self.sweep)

    def sweep(self) -> int:
        """Delete what is due now; how many rows went. StoreBusy or StoreFull: not all of it is done, call again."""
        if self._keep_days is not None:
            self.retention.keep_days = self._keep_days()
        now_ms = self._clock()
        due = self.retention.due(now_ms)
        if due is None:
            if not self._clock_told:
                log.warning("The clock of this machine cannot be right, so nothing is deleted by it; set it.")
            self._clock_told = True
            return 0
        self._clock_told = False
        rows = 0
        for removed in self._store.remove_expired(due.before_ms, due.after_ms):
            self._live.take_away(removed.passages, (due.before_ms, due.after_ms))
            if removed.rows:
                rows += removed.rows
                self._unscrubbed = True
                self.sweeps.deleted_ms, self.sweeps.deleted = now_ms, rows
                self.sweeps.deleted_all += removed.rows
        self.sweeps.looked_ms = now_ms
        if self._unscrubbed:
            self._scrub()
        self._erasures.forget(now_ms, self.retention.remembered_until_day(now_ms), steady=self.retention.steady)
        return rows

    def start(self) -> None:
        """Start the thread that sweeps every minute."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        wait_s = SWEEP_MS / 1000
        while not self._stop.wait(wait_s):
            wait_s = SWEEP_MS / 1000
            try:
                self.sweep()
            except (StoreBusy, StoreFull):
                wait_s = RETRY_S
            except Exception:
                # Not the gateway's end: ingest watches over the database itself, and says what is wrong with it.
                log.exception("Deleting what is due failed; it is tried again.")
                wait_s = RETRY_S
