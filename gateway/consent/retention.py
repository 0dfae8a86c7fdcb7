"""Retention: how long a consented row lives (invariant I5), as pure logic over ``now``.

Rules: a row is due when its own time lies ``keep`` or more in the past. One that claims a time more than a day ahead is
due too: its device's clock was wrong, and its life would have no end. A clock of the gateway that was never set decides
nothing; nor does one that has gone back by more than a day since the start, until it has run for an hour without a
jump: then it was wrong before, and is right now. Irregular records of emulated sites live as
long as consented rows. Times are epoch milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.admission.rules import DAY_MS

SWEEP_MS: Final = 60_000
"""So often what is due is looked for: a row may outlive its time by this much."""
AHEAD_MS: Final = DAY_MS
STEADY_MS: Final = 3_600_000
JUMP_MS: Final = 600_000
"""Two looks at the clock that are further apart are a jump (or a machine that slept)."""
EARLIEST_MS: Final = 1_735_689_600_000  # 2025-01-01: a clock that says it is earlier has never been set.


@dataclass(frozen=True, slots=True)
class Due:
    """Rows of a time below ``before_ms`` or above ``after_ms`` are to be deleted."""

    before_ms: int
    after_ms: int


class Retention:
    """When rows are due, and when to look again."""

    def __init__(self, keep_days: int) -> None:
        """``keep_days``: how long a row lives. A newer notice may shorten it while the gateway runs."""
        self.keep_days = keep_days
        self._latest_ms = EARLIEST_MS
        self._next_ms: int | None = None
        self._looked_ms: int | None = None
        self._steady_from_ms = 0

    @property
    def _keep_ms(self) -> int:
        return self.keep_days * DAY_MS

    def kept_until(self, at_ms: int) -> int:
        """From when on a row of that time is due."""
        return at_ms + self._keep_ms

    def remembered_until_day(self, now_ms: int) -> int:
        """The last day (since 1970-01-01) on which a row that is in the database, or in a backup of it, may live."""
        return (now_ms + AHEAD_MS + self._keep_ms) // DAY_MS + 1

    def due(self, now_ms: int) -> Due | None:
        """What to delete; None when the clock can't be right."""
        if self._looked_ms is None or abs(now_ms - self._looked_ms) > JUMP_MS:
            self._steady_from_ms = now_ms
        self._looked_ms = now_ms
        if now_ms < EARLIEST_MS:
            return None
        if now_ms < self._latest_ms - AHEAD_MS:
            if not self.steady:
                return None
            self._latest_ms = now_ms
        self._latest_ms = max(self._latest_ms, now_ms)
        self._next_ms = now_ms + SWEEP_MS
        return Due(now_ms - self._keep_ms + 1, now_ms + AHEAD_MS)

    @property
    def steady(self) -> bool:
        """Whether the clock has run for an hour without a jump, as far as :meth:`due` was asked."""
        return self._looked_ms is not None and self._looked_ms - self._steady_from_ms >= STEADY_MS

    def next_deadline_ms(self, now_ms: int) -> int:
        """When to ask again."""
        return now_ms if self._next_ms is None else max(now_ms, self._next_ms)
