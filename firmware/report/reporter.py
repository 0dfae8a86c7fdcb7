"""The reporter: what happened at the gate in, records into the outbox.

Rules (docs/privacy.md): a rider who has not consented appears only in a tally; a physical device holds consented
passages
to the interval's end, shuffles them, then numbers them; detail about one irregular passage is written only where
irregular.py exists and the site is emulated; everything else is counted once per service day.

Pure logic over durable storage: ``epoch_ms`` is an argument, randomness comes from the board.
"""

from firmware.fare.handles import DAY_MS, service_day
from firmware.report import records
from firmware.report.chance import shuffle
from firmware.report.journal import Journal
from firmware.report.nullifiers import Nullifiers

try:
    from firmware.report import irregular as irregular_records
except ImportError:  # a physical board's bundle does not have it
    irregular_records = None  # type: ignore[assignment]

_REFUSED = "refused"
_LAST = "last"  # the file with the end of the last tally

# Each held passage goes to one of these journals, drawn by chance, so that closing needs one of them in memory, never a
# whole interval. Shuffled one by one and told one after the other, every order is equally likely (Rao 1961).
_HELD = "ABCDEFGHIJKLMNOP"


class Reporter:
    """``settings`` gives interval_ms, tally_min, day_start_ms, send_at_once; ``way`` is the lane's own."""

    def __init__(self, settings, storage, outbox, random_bytes):
        self._settings = settings
        self._storage = storage
        self._outbox = outbox
        self._random_bytes = random_bytes
        self._tally = Journal(storage, "t", outbox.tags)
        self._held = [Journal(storage, letter, outbox.tags) for letter in _HELD]
        self._day = Journal(storage, "d", outbox.tags)
        self.nullifiers = Nullifiers(storage, outbox, random_bytes)
        self._tally_start = self._first_number(self._tally)
        self._held_start = None
        for journal in self._held:
            if journal.count:
                self._held_start = self._first_number(journal)
        self._open_day = self._first_number(self._day)
        last = storage.read(_LAST)
        self._last = int(last) if last else None  # the `to` of the tally before
        self.tallies = 0  # closed since boot
        self._boundary = None  # the last one that was looked at; not known at boot
        # Epoch ms between which ``tick`` has nothing to do: one interval of one service day, once it was looked at.
        self._quiet_from = self._quiet_until = 0

    @staticmethod
    def _first_number(journal):
        """Each journal's first line is where its interval starts (epoch ms, or the service day)."""
        for line in journal.lines():
            return int(line)
        return None

    # -- what happened

    def passed(self, epoch_ms, valid, way, decision, transit_ms):
        """A rider passed on an accepted medium. Without a valid clock there is no service day, so only a count."""
        self.tick(epoch_ms)  # what happens on a boundary belongs behind it
        if decision.consent and decision.handle and valid:
            at = epoch_ms if self._settings.send_at_once else self._interval_start(epoch_ms)
            record = records.passage(at, way, decision.product, decision.handle, transit_ms)
            if self._settings.send_at_once:
                self._outbox.append(record)
            else:
                journal = self._held[self._random_bytes(1)[0] % len(_HELD)]
                self._held_start = self._open(journal, self._held_start, at)
                journal.append(record)
        else:
            self._count(epoch_ms, way, "d" if not decision.consent else "p")

    def used(self, epoch_ms, nullifier, to):
        """A single (32 hex digits) was used at this entry, whatever its rider agreed to."""
        self.tick(epoch_ms)
        self.nullifiers.add(nullifier, to, service_day(epoch_ms, self._settings.day_start_ms))

    def passed_free(self, epoch_ms, way):
        """A rider passed while the gate was released to all."""
        self.tick(epoch_ms)
        self._count(epoch_ms, way, "f")

    def _count(self, epoch_ms, way, what):
        self._tally_start = self._open(self._tally, self._tally_start, self._from(epoch_ms))
        self._tally.append((way + what).encode())

    def refused(self, epoch_ms):
        """A medium was refused."""
        self.tick(epoch_ms)
        self._daily(epoch_ms, _REFUSED)

    def irregular(self, epoch_ms, way, what, confidence, trace):
        """One irregular passage: told at once by an emulated device, else only counted."""
        self.tick(epoch_ms)
        if irregular_records is not None and self._settings.emulated:
            self._outbox.append(irregular_records.irregular(epoch_ms, way, what, confidence, trace))
        self._daily(epoch_ms, what)

    def _daily(self, epoch_ms, what):
        self._open_day = self._open(self._day, self._open_day, service_day(epoch_ms, self._settings.day_start_ms))
        self._day.append(what.encode())

    def notice(self, epoch_ms, what):
        at = epoch_ms if self._settings.send_at_once else self._interval_start(epoch_ms)
        self._outbox.append(records.notice(at, what))

    def _from(self, epoch_ms):
        """Where a tally starts: the end of the one before on this service day, else the day's own start. Never the
        interval of its first passage, which would tell when a single rider passed."""
        day_start_ms = self._settings.day_start_ms
        start = service_day(epoch_ms, day_start_ms) * DAY_MS + day_start_ms
        return self._last if self._last is not None and start <= self._last <= epoch_ms else start

    @staticmethod
    def _open(journal, start, value):
        if journal.count:
            return start
        journal.append(str(value).encode())
        return value

    # -- closing

    def _interval_start(self, epoch_ms):
        return epoch_ms // self._settings.interval_ms * self._settings.interval_ms

    def next_close_in(self, epoch_ms):
        """Milliseconds to the next boundary at which something may close, or None when nothing is open."""
        if not (self._tally.count or self._held_start is not None or self._day.count or self.nullifiers.count):
            return None
        # Outside what was looked at (a boundary since the last tick, or a clock that was set) something may be due now.
        return self._quiet_until - epoch_ms if self._quiet_from <= epoch_ms < self._quiet_until else 0

    def tick(self, epoch_ms):
        """Close what is due. Call at any time; a boundary that was slept through is closed late, not lost."""
        # Whatever opens belongs to the interval and the day that it opens in: nothing is due before either ends.
        if self._quiet_from <= epoch_ms < self._quiet_until:
            return
        boundary = self._interval_start(epoch_ms)
        today = service_day(epoch_ms, self._settings.day_start_ms)
        if self._held_start is not None and boundary > self._held_start:
            self._close_held()
        # Only when a boundary is crossed: a tally that closed as its last rider passed would tell when that was.
        crossed = self._boundary is not None and boundary > self._boundary
        self._boundary = boundary
        # Where a tally of one may close, an interval without a tally has nobody to hide among.
        tell = crossed and not self._tally.count and self._settings.tally_min == 1
        if self._tally.count:
            over = service_day(self._tally_start, self._settings.day_start_ms) < today
            if over or (crossed and self._tally.count - 1 >= self._settings.tally_min):
                self._close_tally(boundary)
                tell = True
        # With the tally and never before: how many more singles were used than consented passages tell of is how many
        # riders the tally hides.
        if self.nullifiers.count and (tell or self.nullifiers.day < today):
            self.nullifiers.tell()
        if self._day.count and self._open_day < today:
            self._close_day()
        day_start = today * DAY_MS + self._settings.day_start_ms
        self._quiet_from = max(boundary, day_start)
        self._quiet_until = min(boundary + self._settings.interval_ms, day_start + DAY_MS)

    def _close_held(self):
        for journal in self._held:
            lines = list(journal.lines())[1:]
            if lines:  # a power cut may have left a journal with nothing but its start
                shuffle(self._random_bytes, lines)
                self._outbox.append_closing(lines, journal.name())
            journal.closed()
        self._held_start = None

    def _close_tally(self, boundary):
        self.tallies += 1
        day_start_ms = self._settings.day_start_ms
        # A tally never crosses the end of its service day, however late it is closed.
        day_end = (service_day(self._tally_start, day_start_ms) + 1) * DAY_MS + day_start_ms
        ways = {"entry": 0, "exit": 0}
        kinds = {"d": 0, "p": 0, "f": 0}
        first = True
        for line in self._tally.lines():
            if not first:
                text = line.decode()
                ways[text[:-1]] += 1
                kinds[text[-1]] += 1
            first = False
        end = min(boundary, day_end)
        record = records.tally(
            self._tally_start,
            end,
            ways["entry"],
            ways["exit"],
            kinds["d"] + kinds["p"],
            kinds["f"],
            kinds["d"],
        )
        self._outbox.append_closing([record], self._tally.name())
        # After the record: a power cut in between only makes the next tally start earlier than it must.
        self._storage.write(_LAST, str(end).encode())
        self._last = end
        self._tally.closed()

    def _close_day(self):
        counts: dict = {}
        for line in self._day.lines():
            what = line.decode()
            counts[what] = counts.get(what, 0) + 1
        record = records.daily(self._open_day, counts.get(_REFUSED, 0), counts)
        self._outbox.append_closing([record], self._day.name())
        self._day.closed()
