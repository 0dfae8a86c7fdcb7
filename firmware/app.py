"""One gate: the engines joined to one board, and the tick loop's two questions.

``handle(now, events)`` does everything that is due at ``now``; ``next_deadline(now)`` says when to call again. Both are
pure with respect to time, so the same object runs in a MicroPython process, on a chip, or a thousand at a time on a
virtual clock.
"""

from binascii import hexlify

from chumicro_timing import ticks_add, ticks_diff

from firmware.boards import board as b
from firmware.config import VERSION
from firmware.fare import keylist, passes
from firmware.fare.handles import DAY_MS, service_day
from firmware.lane import detector, turnstile
from firmware.report import records
from firmware.report.delivery import Delivery
from firmware.report.outbox import Outbox
from firmware.report.reporter import Reporter
from firmware.report.seal import Seal

_MAX_SLEEP_MS = 60000
_DAY_FILE = "day"
_FREE_GRANT = passes.Decision(True)


def next_boot(storage):
    """Count this boot in durable storage; from 1, and above every boot that has left records.

    A boot number used twice would make new records look like duplicates, so a counter that is lost or damaged must not
    fall behind the outbox.
    """
    try:
        boot = int(storage.read("boot") or 0)
    except ValueError:
        boot = 0
    for name in storage.names("q"):
        boot = max(boot, int(name[1:9]))
    boot += 1
    storage.write("boot", str(boot).encode())
    return boot


def last_day(storage):
    """The last service day that a valid clock has told, or None."""
    try:
        return int(storage.read(_DAY_FILE))
    except (TypeError, ValueError):
        return None


def _sooner(wait_ms, deadline, now):
    """The shorter of a wait and the time to a deadline (ticks, or None)."""
    if deadline is None:
        return wait_ms
    left_ms = ticks_diff(deadline, now)
    return left_ms if left_ms < wait_ms else wait_ms


class Gate:
    """``link_factory(settings, seal, boot, board, delivery, version)`` or None for a gate without a network."""

    def __init__(self, board, settings, link_factory=None):
        self._board = board
        self._settings = settings
        self.boot = next_boot(board.storage)
        self.outbox = Outbox(board.storage, self.boot, settings.outbox_records)
        self.reporter = Reporter(settings, board.storage, self.outbox, board.random_bytes)
        self.fare = passes.Fare(settings, board.storage)
        for nullifier in self.reporter.nullifiers.known():
            self.fare.remember(nullifier)
        self.reason = None  # why the last medium was refused; never told
        self._day = last_day(board.storage)
        self._day_from_ms = self._day_until_ms = 0  # epoch ms of the service day that was looked at
        self.delivery = Delivery(self.outbox, self.boot, settings.resend_ms)
        self.turnstile = turnstile.Turnstile(settings.release_ms, settings.refuse_ms)
        self.detector = detector.make(settings)
        self._timed = self.detector.timed
        # Ticks until which nothing is due, as long as only edges amid a body come; None where that is not known.
        self._quiet_until = None
        self._grant = None  # presented, not yet carried by a body
        self._applied = None
        self.worst_tick_ms = 0
        self.stopping = False
        seal = Seal(settings.key)
        self.link = None
        if link_factory is not None:
            self.link = link_factory(settings, seal, self.boot, board, self.delivery, VERSION)
            self.link.on_passes = self._passes_came
            self.link.keys_hash = self.fare.keys.hash
        self._keys_noted = None  # the interval in which a refused list was noted
        # Ticks of the next one where things are told at once, else the interval that has had its own.
        self._health_at = self._next_health(board.ticks_ms())
        self._tallies = self.reporter.tallies
        self._measured = self._measure()
        self.reporter.notice(self._epoch(), "boot")
        if self.outbox.damaged:
            self.reporter.notice(self._epoch(), "fault")
        self._show()

    def _epoch(self):
        return self._board.epoch_ms()[0]

    # -- the loop

    def handle(self, now, events):
        """Everything due at ``now`` (ticks), the input ``events`` first, each at its own time."""
        for ticks, kind, a, value in events:
            if kind == b.BEAM:
                found = self.detector.edge(ticks, a, value)
                if found:
                    self._quiet_until = None
                    self._detected(found, ticks)
                if value == 0 and self.detector.clear():
                    self._cleared(ticks)
            else:
                self._quiet_until = None
                if kind == b.MEDIUM:
                    self._medium(a, now)
                elif kind == b.FIRE:
                    self._fire(a, ticks)
                elif kind == b.STOP:
                    self.stopping = True
            if self.turnstile.state != self._applied:
                self._quiet_until = None
                self._show()
        if self._quiet_until is not None:
            if ticks_diff(self._quiet_until, now) > 0:
                return
            self._quiet_until = None
        if self._timed:
            found = self.detector.tick(now)
            if found:
                self._detected(found, now)
                if self.detector.clear():
                    self._cleared(now)
                self._show()
        if self.turnstile.tick(now):
            self._grant = None
            if not self.detector.clear():
                self.turnstile.handle(turnstile.INTRUDED, now)
            self._show()
        epoch_ms, valid = self._board.epoch_ms()
        if valid and not self._day_from_ms <= epoch_ms < self._day_until_ms:
            self._new_day(epoch_ms)
        self.reporter.tick(epoch_ms)
        if self.link is not None:
            self._communicate(self.link, now)

    def took(self, ms):
        """The loop's word of how long it needed for one turn."""
        if ms > self.worst_tick_ms:
            self.worst_tick_ms = ms

    def _communicate(self, link, now):
        link.handle(now)
        found = self.delivery.next_batch(now)
        if found is not None:
            link.send_batch(*found)
        if self._health_due(now):
            self._health_at = self._next_health(now)
            if link.is_connected:
                self._send_health(link)

    def _next_health(self, now):
        interval_ms = self._settings.interval_ms
        if self._settings.send_at_once:
            return ticks_add(now, min(interval_ms, 1 << 27))
        return self._epoch() // interval_ms

    def _health_due(self, now):
        if self._settings.send_at_once:
            return ticks_diff(self._health_at, now) <= 0
        return self._next_health(now) != self._health_at

    def _measure(self):
        """What health tells: free heap in bytes, worst tick in ms, records that wait, confirmations refused."""
        heap_free = self._board.heap_free()
        worst_tick_ms = self.worst_tick_ms
        outbox = len(self.outbox)
        if not self._settings.send_at_once:  # coarse: a count that grows by one would tell of one rider
            worst_tick_ms = (worst_tick_ms + 9) // 10 * 10
            outbox = (outbox + 15) // 16 * 16
        return heap_free // 256 * 256 if heap_free >= 0 else -1, worst_tick_ms, outbox, self.delivery.refused

    def _send_health(self, link):
        # A lone rider shows in heap and ticks: the first one's pass is verified, the worst tick leaps. So a device that
        # holds goes on telling what it measured when its last tally closed, and new figures stand for as many riders.
        if self._settings.send_at_once or self._tallies != self.reporter.tallies:
            self._tallies = self.reporter.tallies
            self._measured = self._measure()
        link.send_health(records.health(self.boot, *self._measured))

    def _health_deadline(self, now):
        if self._settings.send_at_once:
            return self._health_at
        interval_ms = self._settings.interval_ms
        return ticks_add(now, min(interval_ms - self._epoch() % interval_ms, _MAX_SLEEP_MS))

    def next_deadline(self, now):
        """Ticks until which nothing needs doing unless an input or a socket asks; at most a minute ahead."""
        if self._quiet_until is not None:
            return self._quiet_until
        soonest_ms = self.reporter.next_close_in(self._board.epoch_ms()[0])
        if soonest_ms is None or soonest_ms > _MAX_SLEEP_MS:
            soonest_ms = _MAX_SLEEP_MS
        deadline = self.turnstile.next_deadline()
        if deadline is not None:
            soonest_ms = _sooner(soonest_ms, deadline, now)
        if self._timed:
            soonest_ms = _sooner(soonest_ms, self.detector.next_deadline(), now)
        if self.link is not None:
            soonest_ms = _sooner(soonest_ms, self.delivery.next_deadline(), now)
            soonest_ms = _sooner(soonest_ms, self.link.next_deadline(now), now)
            soonest_ms = _sooner(soonest_ms, self._health_deadline(now), now)
        deadline = ticks_add(now, soonest_ms if soonest_ms > 0 else 0)
        if not self._timed and self.link is None:
            self._quiet_until = deadline
        return deadline

    def poll(self, now):
        """(socket, interest) of the link, or None."""
        return None if self.link is None else self.link.poll(now)

    def close(self):
        if self.link is not None:
            self.link.close()

    # -- days and passes

    def _new_day(self, epoch_ms):
        """A valid clock tells another service day: that holds, and is kept for when no clock does."""
        day_start_ms = self._settings.day_start_ms
        day = service_day(epoch_ms, day_start_ms)
        self._day_from_ms = day * DAY_MS + day_start_ms
        self._day_until_ms = self._day_from_ms + DAY_MS
        if day != self._day:
            self._day = day
            self._board.storage.write(_DAY_FILE, str(day).encode())

    def _service_day(self):
        """Today's by a valid clock, else the last known one."""
        epoch_ms, valid = self._board.epoch_ms()
        if valid or self._day is None:
            return service_day(epoch_ms, self._settings.day_start_ms)
        return self._day

    def _passes_came(self, what, payload):
        """The broker hands over the key list, or a page of the spent set."""
        if what != "keys":
            if self.fare.spent is not None:
                self.fare.spent.accept(payload)
            return
        result = self.fare.keys.accept(payload)
        if result == keylist.NEW:
            self.link.keys_hash = self.fare.keys.hash
            self.link.say_online()
        elif result == keylist.REFUSED:
            epoch_ms = self._epoch()
            interval = epoch_ms // self._settings.interval_ms
            if interval != self._keys_noted:  # once an interval: whoever sends such lists must not fill the outbox
                self._keys_noted = interval
                self.reporter.notice(epoch_ms, "keys_refused")

    # -- events

    def _show(self):
        state = self.turnstile.state
        if state != self._applied:
            self._applied = state
            arm, lamp, sound = self.turnstile.outputs()
            self._board.apply(arm, lamp, sound, state)

    def _medium(self, medium, now):
        # The lamp answers now, however late the reader's news came, so the time to enter counts from now.
        if self.turnstile.state not in (turnstile.LOCKED, turnstile.REFUSING):
            return  # the reader is off; the lamp says so
        decision = self.fare.decide(medium, self._service_day(), now)
        self.reason = decision.reason
        if decision.accepted:
            self._grant = decision
            self.turnstile.handle(turnstile.GRANTED, now)
        else:
            self.turnstile.handle(turnstile.REFUSED, now)
            self.decided(now, "refused", None)
            self.reporter.refused(self._epoch())

    def decided(self, ticks, what, body):
        """Called once for each decision; a study's gate overrides it, a board's does nothing with it."""

    def _detected(self, found, ticks):
        for event, body in found:
            self._body(event, body, ticks)

    def _body(self, event, body, ticks):
        if event == detector.ENTERED:
            self._entered(body, ticks)
        elif event == detector.COMPLETED:
            self._completed(body, ticks)
        else:
            self.decided(ticks, "turned_back", body)
            self._turned_back(body, ticks)

    def _turned_back(self, body, ticks):
        if body.grant is not None:
            if body.grant is not _FREE_GRANT and self.turnstile.state == turnstile.PASSING:
                self._grant = body.grant  # may try again until the release times out
            self.turnstile.handle(turnstile.TURNED_BACK, ticks)

    def _entered(self, body, ticks):
        state = self.turnstile.state
        if state == turnstile.FREE:
            body.grant = _FREE_GRANT
            self.turnstile.handle(turnstile.ENTERED, ticks)
        elif state == turnstile.RELEASED and body.origin == detector.FRONT:
            body.grant = self._grant
            self._grant = None
            self.turnstile.handle(turnstile.ENTERED, ticks)
        elif body.kind != detector.CHILD:
            self.turnstile.handle(turnstile.INTRUDED, ticks)

    def _completed(self, body, ticks):
        epoch_ms, valid = self._board.epoch_ms()
        way = self._way(body)
        if body.grant is None:
            if body.kind == detector.CHILD:
                return
            if body.origin == detector.BACK:
                what = "reverse"
            elif body.kind in (detector.JUMPER, detector.CRAWLER):
                what = body.kind
            elif body.behind:
                what = "tailgate"
            else:
                what = "forced"
            self.decided(ticks, what, body)
            self.reporter.irregular(epoch_ms, way, what, body.confidence(), body.trace)
            return
        if body.grant is _FREE_GRANT:
            self.decided(ticks, "passed_free", body)
            self.reporter.passed_free(epoch_ms, way)
        else:
            self.decided(ticks, "passed", body)
            if self.fare.use(body.grant, ticks):  # first: a passage that was told must not leave its single unspent
                self.reporter.used(epoch_ms, hexlify(body.grant.nullifier).decode(), body.grant.to)
            self.reporter.passed(epoch_ms, valid, way, body.grant, body.transit_ms(ticks))
        self.turnstile.handle(turnstile.PASSED, ticks)

    def _way(self, body):
        if body.origin == detector.FRONT:
            return self._settings.way
        return "exit" if self._settings.way == "entry" else "entry"

    def _cleared(self, ticks):
        if self.turnstile.state not in (turnstile.LOCKED, turnstile.REFUSING):
            self.turnstile.handle(turnstile.CLEARED, ticks)

    def _fire(self, on, ticks):
        if bool(on) == (self.turnstile.state == turnstile.FREE):
            return
        if on:
            self._grant = None
            for body in self.detector.bodies:
                if body.grant is None:
                    body.grant = _FREE_GRANT
        self.turnstile.handle(turnstile.FIRE_ON if on else turnstile.FIRE_OFF, ticks)
        if not on and self.detector.clear():
            self.turnstile.handle(turnstile.CLEARED, ticks)
        self.reporter.notice(self._epoch(), "fire_on" if on else "fire_off")
