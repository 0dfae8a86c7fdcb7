"""One kiosk: engine, coins, reporter, gateway and board joined, and the loop's two questions, as app.Gate has them.

``handle(now, events)`` takes the board's inputs; ``rider(event)`` is how a touch page or a row of buttons says what the
rider did. Both carry out the engine's effects before the engine is called again, which is what money and pass rest on.
The escrow does not move while the acceptor is still telling a coin.

``client`` asks the gateway (firmware/link/kiosk_http.py): ``ask(effect)`` takes a "sign", "exchange", "rows", "erase"
or ("notice", version) effect and returns at once; ``answers()`` gives the engine's events that have come since.
"""

import json

from chumicro_timing import ticks_add, ticks_diff

from firmware import app
from firmware.boards import board as b
from firmware.boards import kiosk_board as k
from firmware.config import VERSION
from firmware.fare import keylist
from firmware.fare.handles import service_day
from firmware.kiosk import table
from firmware.kiosk.coins import Coins
from firmware.kiosk.engine import Kiosk
from firmware.kiosk.reporter import KioskReporter
from firmware.report import records
from firmware.report.delivery import Delivery
from firmware.report.outbox import Outbox
from firmware.report.seal import Seal

_MAX_SLEEP_MS = 60000
_NOTICE_RETRY_MS = 30000
_NOTICE = "notice"  # the file with the notice that riders are shown
_PRINTED = {
    k.PRINT_DONE: ("printed", None),
    k.PRINT_FAILED: ("print_failed", ""),
    k.PRINT_NOTHING: ("print_failed", "nothing"),
}


class KioskApp:
    """``link_factory`` as app.Gate's, or None without a broker; ``front`` shows ``screen()`` to the rider and makes
    events of buttons (front.py), or None where a touch page does that."""

    def __init__(self, board, settings, client, link_factory=None, front=None):
        self._board = board
        self._settings = settings
        self._client = client
        self._front = front
        storage = board.storage
        self.boot = app.next_boot(storage)
        self.outbox = Outbox(storage, self.boot, settings.outbox_records)
        self.reporter = KioskReporter(settings, storage, self.outbox)
        self.delivery = Delivery(self.outbox, self.boot, settings.resend_ms)
        self.keys = keylist.KeyList(storage, settings.list_key)
        self.coins = Coins(settings)
        self._notice = self._stored_notice()
        self._notice_at = None  # ticks at which it is asked for (again)
        self.engine = Kiosk(settings, storage, self.keys, board.random_bytes, self.reporter, self._notice)
        self.worst_tick_ms = 0
        self.stopping = False
        self._stuck = False
        self._keys_noted = None  # the interval in which a refused list was noted
        self._waiting = []  # events of riders and the gateway that wait for the coins to be told
        self._health_at = self._next_health(board.ticks_ms())
        self.link = None
        if link_factory is not None:
            self.link = link_factory(settings, Seal(settings.key), self.boot, board, self.delivery, VERSION)
            self.link.on_passes = self._passes_came
            self.link.keys_hash = self.keys.hash
        self._note("boot")
        if self.outbox.damaged:
            self._note("fault")

    # -- the loop

    def handle(self, now, events):
        """Everything due at ``now`` (ticks), the input ``events`` first, each at its own time."""
        for ticks, kind, a, value in events:
            if kind == k.COIN:
                self._coins(self.coins.edge(ticks, a), now)
            elif kind == b.MEDIUM:
                self._tell(now, ("show", a))
            elif kind == k.BUTTON:
                if self._front is not None and value:
                    event = self._front.pressed(a, self.engine.screen(now))
                    if event is not None:
                        self._tell(now, event)
            elif kind == k.PRINTED:
                name, how = _PRINTED[a]
                self._tell(now, (name, value) if how is None else (name, how, value))
            elif kind == k.FAULT:
                self._fault(now, a, value)
            elif kind == b.STOP:
                self.stopping = True
        self._coins(self.coins.tick(now), now)
        if self.coins.stuck != self._stuck:
            self._stuck = self.coins.stuck
            self._fault(now, "coins", self._stuck)
        for event in self._client.answers():
            if event[0] == _NOTICE:
                self._took_notice(event[1])
            self._tell(now, event)
        self._late(now)
        self._run_engine(now)
        self._report(now)
        self._ask_for_notice(now)
        self._show(now)

    def _run_engine(self, now):
        if self.coins.busy():
            return  # what is due may move the escrow
        if self.engine.state in (table.START, table.OUT_OF_ORDER):
            # Keys, clock and day may have changed: whether anything can be sold is looked at each time.
            self.engine.tick(now, self._epoch())
            self._carry_out()
        deadline = self.engine.next_deadline(now)
        while deadline is not None and ticks_diff(deadline, now) <= 0:
            self.engine.tick(now, self._epoch())
            self._carry_out()
            deadline = self.engine.next_deadline(now)

    def rider(self, event):
        """What the rider did, as the engine takes it."""
        now = self._board.ticks_ms()
        self._tell(now, event)
        self._late(now)
        self._run_engine(now)
        self._show(now)

    def screen(self):
        return self.engine.screen(self._board.ticks_ms())

    def _tell(self, now, event):
        # A coin that is being told belongs before whatever could move the escrow.
        if self.coins.busy() and event[0] not in ("printed", "print_failed", "language"):
            self._waiting.append(event)
            return
        self.engine.handle(now, self._epoch(), event)
        self._carry_out()

    def _late(self, now):
        while self._waiting and not self.coins.busy():
            self._tell(now, self._waiting.pop(0))

    def _coins(self, told, now):
        for cents in told:
            self.engine.handle(now, self._epoch(), ("coin", cents))
            self._carry_out()

    def _fault(self, now, what, on):
        self._note("fault" if on else "recovered")
        self._tell(now, ("fault" if on else "mended", what))

    def _carry_out(self):
        for effect in self.engine.effects():
            name = effect[0]
            if name == "coins":
                self._board.accept_coins(effect[1])
            elif name == "escrow":
                self._board.move_escrow(effect[1])
            elif name == "print":
                self._board.print_document(effect[1])
            else:
                self._client.ask(effect)

    def _show(self, now):
        if self._front is not None:
            self._board.show(self._front.lines(self.engine.screen(now)))

    def _epoch(self):
        epoch_ms, valid = self._board.epoch_ms()
        return epoch_ms if valid else None

    # -- what is told

    def _note(self, what):
        try:
            self.reporter.notice(self._board.epoch_ms()[0], what)
        except OSError:
            pass  # a full storage is the engine's to notice; it stops selling

    def _report(self, now):
        try:
            epoch_ms = self._epoch()
            if epoch_ms is not None:
                self.reporter.tick(epoch_ms)
        except OSError:
            pass  # the journal stays, and is closed when there is room
        link = self.link
        if link is None:
            return
        link.handle(now)
        found = self.delivery.next_batch(now)
        if found is not None:
            link.send_batch(*found)
        if self._next_health(now) != self._health_at:
            self._health_at = self._next_health(now)
            if link.is_connected:
                self._send_health(link)

    def _next_health(self, now):
        return self._board.epoch_ms()[0] // self._settings.interval_ms

    def _send_health(self, link):
        heap_free = self._board.heap_free()
        worst_tick_ms = (self.worst_tick_ms + 9) // 10 * 10
        outbox = (len(self.outbox) + 15) // 16 * 16  # coarse: a count that grows by one would tell of one sale
        heap_free = heap_free // 256 * 256 if heap_free >= 0 else -1
        link.send_health(records.health(self.boot, heap_free, worst_tick_ms, outbox, self.delivery.refused))

    def took(self, ms):
        """The loop's word of how long it needed for one turn."""
        if ms > self.worst_tick_ms:
            self.worst_tick_ms = ms

    def _passes_came(self, what, payload):
        """The broker hands over the key list; the spent set is the gates'."""
        if what != "keys":
            return
        try:
            result = self.keys.accept(payload)
        except OSError:
            return  # the list is in force, and comes again after the next boot
        if result == keylist.NEW:
            self.link.keys_hash = self.keys.hash
            self.link.say_online()
        elif result == keylist.REFUSED and self._next_health(0) != self._keys_noted:
            self._keys_noted = self._next_health(
                0
            )  # once an interval: whoever sends such lists must not fill the outbox
            self._note("keys_refused")

    # -- the notice

    def _stored_notice(self):
        try:
            text = self._board.storage.read(_NOTICE)
            return None if text is None else json.loads(text)
        except (ValueError, OSError):
            return None

    def _took_notice(self, notice):
        self._notice = notice
        try:
            self._board.storage.write(_NOTICE, json.dumps(notice).encode())
        except OSError:
            pass  # it is asked for again after the next boot

    def _ask_for_notice(self, now):
        epoch_ms = self._epoch()
        if epoch_ms is None:
            return
        wanted = None
        day = service_day(epoch_ms, self._settings.day_start_ms)
        for product in self._settings.prices:
            key = self.keys.newest(product, "research", day)
            if key is not None:
                wanted = key.notice
        held = None if self._notice is None else self._notice["version"]
        if wanted is None or wanted == held:
            self._notice_at = None
        elif self._notice_at is None or ticks_diff(self._notice_at, now) <= 0:
            self._notice_at = ticks_add(now, _NOTICE_RETRY_MS)
            self._client.ask((_NOTICE, wanted))

    # -- the loop's side

    def next_deadline(self, now):
        """Ticks until which nothing is due unless an input, a socket or an answer comes; at most a minute ahead."""
        soonest_ms = _MAX_SLEEP_MS
        if self.engine.state not in (table.START, table.OUT_OF_ORDER):
            soonest_ms = 1000 - self._board.epoch_ms()[0] % 1000  # the seconds that are left are shown
        epoch_ms = self._epoch()
        if epoch_ms is not None:
            soonest_ms = min(soonest_ms, self.reporter.next_close_in(epoch_ms) or soonest_ms)
        for deadline in (self.engine.next_deadline(now), self.coins.next_deadline(), self._notice_at):
            soonest_ms = app._sooner(soonest_ms, deadline, now)
        if self.link is not None:
            soonest_ms = app._sooner(soonest_ms, self.delivery.next_deadline(), now)
            soonest_ms = app._sooner(soonest_ms, self.link.next_deadline(now), now)
        return ticks_add(now, soonest_ms if soonest_ms > 0 else 0)

    def poll(self, now):
        """(socket, interest) of the link, or None."""
        return None if self.link is None else self.link.poll(now)

    def close(self):
        self._board.accept_coins(False)
        if self.link is not None:
            self.link.close()
