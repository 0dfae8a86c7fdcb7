"""What a kiosk tells: tallies of sales and of consents, closed by the rules of a tally, and notices of the device.

One journal has a line for each sale that has ended (sold, given back, exchanged) with its number, so that a sale whose
end is carried out again after a power cut is counted once. It closes on an interval's boundary once it holds at least
``tally_min`` sales, else at the end of the service day; then it becomes one ``sales`` record, and a ``consents`` record
for each version of the notice under which riders answered. No record names a sale, a time of a sale, or an order.

Pure logic over durable storage, as the gate's reporter (firmware/report/reporter.py).
"""

from firmware.fare.handles import DAY_MS, service_day
from firmware.report import records
from firmware.report.journal import Journal

_LAST = "last"  # the file with the end of the last tally
_REFUND = "refund"


class KioskReporter:
    """``settings`` gives interval_ms, tally_min, day_start_ms and send_at_once."""

    def __init__(self, settings, storage, outbox):
        self._settings = settings
        self._storage = storage
        self._outbox = outbox
        self._journal = Journal(storage, "s", outbox.tags)
        self._start = None
        for line in self._journal.lines():
            self._start = int(line)
            break
        last = storage.read(_LAST)
        self._last = int(last) if last else None
        self._boundary = None

    def sale(self, epoch_ms, sale, kept):
        """A sale has ended: the money was kept (or a pass exchanged), or given back. Once per number, however often."""
        if epoch_ms is not None:
            self.tick(epoch_ms)
        mark = "%d " % sale.number
        for line in self._journal.lines():
            if line.decode().startswith(mark):
                return
        if not self._journal.count:
            self._start = self._from(epoch_ms)
            self._journal.append(str(self._start).encode())
        what = _REFUND if not kept else sale.kind
        self._journal.append(("%s%s %s %s %s" % (mark, what, sale.product, sale.choice, sale.notice)).encode())

    def notice(self, epoch_ms, what):
        """A ``device`` record: boot, fault, recovered, keys_refused, ..."""
        at = epoch_ms if self._settings.send_at_once else self._interval_start(epoch_ms)
        self._outbox.append(records.notice(at, what))

    def _from(self, epoch_ms):
        """Where a tally starts: the end of the one before on this service day, else the day's own start."""
        if epoch_ms is None:
            return self._last or 0
        day_start_ms = self._settings.day_start_ms
        start = service_day(epoch_ms, day_start_ms) * DAY_MS + day_start_ms
        return self._last if self._last is not None and start <= self._last <= epoch_ms else start

    def _interval_start(self, epoch_ms):
        return epoch_ms // self._settings.interval_ms * self._settings.interval_ms

    def next_close_in(self, epoch_ms):
        """Milliseconds to the next boundary at which the tally may close, or None when nothing is open."""
        if not self._journal.count:
            return None
        settings = self._settings
        interval_ms = settings.interval_ms - epoch_ms % settings.interval_ms
        day_ms = DAY_MS - (epoch_ms - settings.day_start_ms) % DAY_MS
        return interval_ms if interval_ms < day_ms else day_ms

    def tick(self, epoch_ms):
        """Close what is due; a boundary that was slept through is closed late, not lost."""
        boundary = self._interval_start(epoch_ms)
        crossed = self._boundary is not None and boundary > self._boundary
        self._boundary = boundary
        if not self._journal.count:
            return
        day_start_ms = self._settings.day_start_ms
        today = service_day(epoch_ms, day_start_ms)
        over = service_day(self._start, day_start_ms) < today
        if over or (crossed and self._journal.count - 1 >= self._settings.tally_min):
            self._close(boundary)

    def _close(self, boundary):
        day_start_ms = self._settings.day_start_ms
        day_end = (service_day(self._start, day_start_ms) + 1) * DAY_MS + day_start_ms
        counts = {"single": 0, "day": 0, _REFUND: 0, "exchange": 0}
        consents: dict = {}
        first = True
        for line in self._journal.lines():
            if not first:
                _, what, product, choice, notice = line.decode().split(" ")
                counts[product if what == "buy" else what] += 1
                if what == "buy":
                    answers = consents.setdefault(notice, {"research": 0, "none": 0})
                    answers[choice] += 1
            first = False
        end = min(boundary, day_end)
        batch = []
        if first is False:
            batch.append(
                records.sales(self._start, end, counts["single"], counts["day"], counts[_REFUND], counts["exchange"])
            )
        for notice in sorted(consents):
            answers = consents[notice]
            batch.append(records.consents(self._start, end, notice, answers["research"], answers["none"]))
        self._outbox.append_closing(batch, self._journal.name())
        # After the records: a power cut in between only makes the next tally start earlier than it must.
        self._storage.write(_LAST, str(end).encode())
        self._last = end
        self._journal.closed()
