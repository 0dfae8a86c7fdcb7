"""The kiosk: choose, pay, ask, issue, hand over; my data, withdraw, erase. Pure logic; money or pass, never neither.

Rules:

- ``handle`` takes one event, ``tick`` what is due; afterwards ``effects()`` gives what to do, in order. The caller
  **carries the effects out before it calls the engine again**: that is how the engine knows that the escrow has moved
  before it forgets why.
- The states and their events are table.py's; what a rider may have in hand after a power cut is ledger.py's.
- Coins lie in an escrow until they are kept or returned. The kiosk gives no change: a coin too many gives all back.
- Before the signature is there: ask again for a bounded time, else refund. Once it is there: always forward, unless the
  printer says that nothing at all was printed. An exchange never gives up: the gateway may have spent the old pass.
  Only a refusal that proves that it has not ends one (``_proves_nothing_spent``).
- Consent: nothing is preselected, silence is no answer (the money comes back). Where the notice's words are not at
  hand nobody can be asked, so the pass is a ``none`` one.
- A rider who leaves leaves nothing: every way back to the start forgets them.

Events: ("buy",) ("my_data",) ("choose", product) ("coin", cents) ("answer", True|False) ("cancel",) ("back",)
("taken",) ("show", 297 bytes or QR text) ("withdraw",) ("erase",) ("language", code)
("signed", sale, signature) ("sign_refused", sale, reason) ("rows", list, question) ("rows_failed", question)
("erased", count, question) ("erase_failed", question) ("fault", what) ("mended", what)
("notice", the gateway's notice as a dictionary) ("printed",) ("print_failed",) ("print_failed", "nothing"); those
three may name document["job"] last.

Effects: ("coins", True|False) ("escrow", "keep"|"return") ("sign", sale, key id in hex, blinded)
("exchange", sale, key id in hex, blinded, nullifier in hex, last day of the old key) ("rows", tokens in hex, question)
("erase", tokens in hex, question) ("print", document). ``question`` is a number that the answer brings back.
"""

from binascii import hexlify

from chumicro_timing import ticks_add, ticks_diff

from firmware.fare.handles import service_day
from firmware.kiosk import ledger as books
from firmware.kiosk import receipt, table, tickets
from firmware.kiosk.my_data import UNREACHABLE, MyData
from firmware.kiosk.table import TIMED_OUT

_NO_CHANGE = "no_change"
_NEVER = None


class Kiosk(MyData):
    """``settings``: KioskSettings; ``keys``: what may be sold (a KeyList); ``random_bytes``: the system's;
    ``reporter``: KioskReporter. ``now`` is in ticks, ``epoch_ms`` since 1970, or None while the clock is not valid."""

    def __init__(self, settings, storage, keys, random_bytes, reporter, notice=None):
        self._settings = settings
        self._storage = storage
        self._keys = keys
        self._random_bytes = random_bytes
        self._reporter = reporter
        self._ledger = books.Ledger(storage)
        self._effects = []
        self._faults = set()  # what the caller has told
        self._own_faults = set()  # what was found out here, and is tried anew after a pause
        self._notice = notice
        self._job = 0
        self._questions = 0  # the number of the last question about a rider's data
        self._now = 0
        self._epoch_ms = None
        self._allowed = _NEVER
        self._deadline = None  # the present state's time-out, in ticks
        self._retry = None  # ticks at which the signature is asked for, or the ticket printed, again
        self._pause = None  # ticks at which faults that nobody mends by hand are looked at again
        self._asked = 1  # how often the open sale's signature was asked for; after a power cut nobody knows
        self._closing = False  # the escrow's effect was given out; the ledger may forget once it was carried out
        self._printed = False  # the pass of the open sale was printed in this boot
        self._accepting = None
        self.ignored = 0
        """Events that came when they meant nothing any more."""
        self.state = table.START
        self._forget()
        self._booted = False

    # -- what the caller asks

    def effects(self):
        """What to do, in order; each is given once."""
        found = self._effects
        self._effects = []
        return found

    def next_deadline(self, now):
        """Ticks at which ``tick`` has something to do, or None."""
        if self._closing or not self._booted:
            return now
        soonest = None
        for deadline in (self._deadline, self._retry, self._pause):
            if deadline is not None and (soonest is None or ticks_diff(deadline, soonest) < 0):
                soonest = deadline
        return soonest

    def tick(self, now, epoch_ms):
        """Do what is due."""
        self._begin(now, epoch_ms)
        if self._due(self._retry):
            self._retry = None
            self._again()
        if self._due(self._pause):
            self._pause = None
            self._look_again()
        if self._due(self._deadline):
            self._deadline = None
            self._allowed = table.TABLE[self.state][TIMED_OUT]
            self._timed_out()
        self._end()

    def handle(self, now, epoch_ms, event):
        """Take one event; ``TransitionError`` is a fault of this program."""
        self._begin(now, epoch_ms)
        name = event[0]
        if name == "notice":
            self._notice = event[1]
        else:
            if name == "fault":
                self._faults.add(event[1])
            elif name == "mended":
                self._faults.discard(event[1])
                self._own_faults.discard(event[1])
            self._allowed = table.TABLE[self.state].get(name)
            if self._allowed is None:
                self.ignored += 1
            else:
                getattr(self, "_on_" + name)(*event[1:])
        self._end()

    # -- around every call

    def _begin(self, now, epoch_ms):
        self._now = now
        self._epoch_ms = epoch_ms
        if self._closing:
            # The caller has carried out what it was given: the escrow has moved.
            self._closing = False
            try:
                self._ledger.close()
            except OSError:
                self._storage_failed()
        if not self._booted:
            self._booted = True
            self._allowed = None
            self._boot()

    def _end(self):
        self._allowed = None
        if self.state == table.START and self._blocked():
            self._move(table.OUT_OF_ORDER)
        elif self.state == table.OUT_OF_ORDER and not self._blocked():
            self._home()
        # Faults that no hand mends, and an unfinished end, are looked at again after a pause.
        if self._pause is None and (self._own_faults or self._unfinished()):
            self._pause = ticks_add(self._now, self._settings.pause_ms)
        accepting = self.state == table.PAY and self._paid_cents < self._settings.prices[self._product]
        if accepting != self._accepting:
            self._accepting = accepting
            self._effects.append(("coins", accepting))

    def _due(self, deadline):
        return deadline is not None and ticks_diff(deadline, self._now) <= 0

    def _to(self, state):
        if self._allowed is not None and state not in self._allowed:
            raise table.TransitionError("to %s from %s" % (state, self.state))
        self._move(state)

    def _move(self, state):
        self.state = state
        self._retry = None
        limit_ms = self._settings.timeouts_ms.get(state)
        self._deadline = None if limit_ms is None else ticks_add(self._now, limit_ms)

    def _extend(self):
        """The rider has done something: the state's time starts anew."""
        limit_ms = self._settings.timeouts_ms.get(self.state)
        self._deadline = None if limit_ms is None else ticks_add(self._now, limit_ms)

    def _home(self):
        """Back to the start, or out of order where it must; the rider is forgotten."""
        self._forget()
        self._to(table.OUT_OF_ORDER if self._blocked() else table.START)

    def _blocked(self):
        """Why nothing can be sold now, or None."""
        for what in ("printer", "escrow", "coins", "storage", "gateway"):
            if what in self._faults or what in self._own_faults:
                return what
        if self._faults:
            return "fault"
        if self._ledger.stage != books.IDLE:
            return "owed"
        day = self._day()
        if day is None:
            return "clock"
        for product in self._settings.prices:
            if self._keys.newest(product, "none", day) is None:
                return "keys"
        return None

    def _day(self):
        return None if self._epoch_ms is None else service_day(self._epoch_ms, self._settings.day_start_ms)

    def _unfinished(self):
        """A sale whose end was decided (or whose pass is printed) and that still stands in the ledger."""
        stage = self._ledger.stage
        return not self._closing and (stage in (books.REFUNDING, books.KEEPING) or self._printed)

    # -- after power

    def _boot(self):
        stage = self._ledger.stage
        if stage in (books.IDLE, books.REFUNDING):
            self._effects.append(("escrow", "return"))
        if stage in (books.REFUNDING, books.KEEPING):
            self._settle()
        elif stage == books.ASKED:
            self._product = self._ledger.sale.product
            self._choice = self._ledger.sale.choice
            self._move(table.ISSUE)
            self._ask_signature()
        elif stage == books.SIGNED_STAGE:
            self._product = self._ledger.sale.product
            self._choice = self._ledger.sale.choice
            self._move(table.ISSUE)
            self._make_and_print()
        if self.state == table.START:
            self._home()

    # -- buying

    def _on_buy(self):
        self._to(table.OUT_OF_ORDER if self._blocked() else table.CHOOSE)

    def _on_choose(self, product):
        if product not in self._settings.prices:
            self.ignored += 1
        elif self._blocked():
            self._to(table.OUT_OF_ORDER)
        else:
            self._product = product
            self._to(table.PAY)

    def _on_coin(self, cents):
        if self.state == table.PAY and cents <= 0:
            # Something lies in the escrow whose worth nobody knows.
            self._return_money()
            self._why = "unknown_coin"
            self._extend()
        elif self.state == table.PAY:
            self._paid(cents)
        elif self.state == table.ASK:
            # It was under way when the slot closed.
            self._return_money()
            self._why = _NO_CHANGE
            self._to(table.PAY)
        elif self._ledger.stage == books.IDLE:
            self._return_money()
        elif self._ledger.stage == books.ASKED and self._ledger.sale.kind == books.BUY:
            self._refund(_NO_CHANGE)
        # Else it lies with money that is to be kept, or comes back with money that is to be returned.

    def _paid(self, cents):
        price = self._settings.prices[self._product]
        self._paid_cents += cents
        self._why = None
        if self._paid_cents > price:
            self._return_money()
            self._why = _NO_CHANGE
        if self._paid_cents < price:
            self._extend()
        elif self._may_ask():
            self._to(table.ASK)
        else:
            self._choice = "none"
            self._issue(books.BUY, self._product, "none")

    def _may_ask(self):
        """The key's notice is at hand, in words."""
        key = self._keys.newest(self._product, "research", self._day() or 0)
        return key is not None and self._notice is not None and self._notice["version"] == key.notice

    def _return_money(self):
        self._effects.append(("escrow", "return"))
        self._paid_cents = 0

    def _on_cancel(self):
        if self.state in (table.WITHDRAW, table.ERASE):
            if self._waiting is not None:
                self.ignored += 1
            else:
                self._to(table.MY_DATA)
            return
        if self.state in (table.PAY, table.ASK):
            self._return_money()
        self._home()

    def _on_back(self):
        self._on_cancel()

    def _on_taken(self):
        self._home()

    def _on_language(self, code):
        if code in self._settings.languages:
            self.language = code

    def _on_answer(self, yes):
        if self._waiting is not None:
            self.ignored += 1
        elif self.state == table.ASK:
            self._choice = "research" if yes else "none"
            self._issue(books.BUY, self._product, self._choice)
        elif not yes:
            self._to(table.MY_DATA)
        else:
            self._confirmed()

    # -- issuing

    def _issue(self, kind, product, choice, nullifier="-", to_day=0):
        day = self._day()
        key = None if day is None else self._keys.newest(product, choice, day)
        if key is None:
            self._failed_unasked(kind, "keys")
            return
        try:
            number = self._ledger.next_number()
            nonce, inverse, blinded = tickets.prepare(key, self._random_bytes)
            sale = books.Sale(
                number, kind, product, choice, key.notice, key.id, key.n, key.first, key.to, nullifier, to_day
            )
            self._ledger.open(sale, nonce, inverse, blinded)
            self._asked = 0
        except OSError:
            self._storage_failed()
            self._failed_unasked(kind, "storage")
            return
        except ValueError:
            self._failed_unasked(kind, "keys")
            return
        self._to(table.ISSUE)
        self._ask_signature()

    def _failed_unasked(self, kind, why):
        if kind == books.BUY:
            self._return_money()
        self._sorry(why)

    def _ask_signature(self):
        self._asked += 1
        sale = self._ledger.sale
        key_id = hexlify(sale.key_id).decode()
        if sale.kind == books.BUY:
            self._effects.append(("sign", sale.number, key_id, sale.blinded))
        else:
            self._effects.append(("exchange", sale.number, key_id, sale.blinded, sale.nullifier, sale.to_day))
        self._retry = ticks_add(self._now, self._settings.answer_ms)

    def _open_sale(self, number, stage):
        sale = self._ledger.sale
        if sale is None or sale.number != number or self._ledger.stage != stage or self._closing:
            self.ignored += 1
            return None
        return sale

    def _on_signed(self, number, signature):
        sale = self._open_sale(number, books.ASKED)
        if sale is None:
            return
        if tickets.finish(sale, signature) is None:
            self._refused(sale, "bad_signature")
            return
        try:
            self._ledger.signed(signature)
        except OSError:
            self._storage_failed()
            if sale.kind == books.BUY:
                self._refund("storage")
                return
            # An exchange has no way back: the pass is printed from memory; after a power cut it is asked for again.
            self._ledger.hold(signature)
        self._make_and_print()

    def _on_sign_refused(self, number, reason):
        sale = self._open_sale(number, books.ASKED)
        if sale is None:
            return
        if reason == UNREACHABLE:
            self._retry = ticks_add(self._now, self._settings.retry_ms)
        else:
            self._refused(sale, reason)

    def _refused(self, sale, reason):
        if sale.kind == books.EXCHANGE and not self._proves_nothing_spent(reason):
            self._why = reason
            self._retry = ticks_add(self._now, self._settings.pause_ms)
        else:
            self._refund(reason)

    def _proves_nothing_spent(self, reason):
        """``spent``: another question has spent the old pass, or else ours would have got its signature again.
        ``sale_used``: the gateway has another question under this number, so never took ours. Any other refusal proves
        it only as the answer to the one question that was ever sent: an earlier one may have been taken before
        the key's sale ended, the quota was used up or the lists differed."""
        return reason in ("spent", "sale_used") or (reason != "bad_signature" and self._asked == 1)

    def _refund(self, why):
        """Decide against the pass. For an exchange there is no money: the old pass stays what it was."""
        if self._ledger.sale.kind == books.BUY:
            self._paid_cents = 0
        try:
            self._ledger.decide()
        except OSError:
            # Nothing is decided: the sale stands as it did. Money and pass wait for the storage.
            self._storage_failed()
            self._out_of_order("storage")
            return
        self._sorry(why)
        self._settle()

    def _make_and_print(self):
        sale = self._ledger.sale
        made = tickets.finish(sale, sale.signature)
        if made is None:  # the storage has spoilt it: ask again, the same signature comes
            try:
                self._ledger.unsigned()
            except OSError:
                self._storage_failed()
                self._out_of_order("storage")
                return
            self._ask_signature()
            return
        self._document = receipt.ticket(self._settings, self._keys, self._notice, self.language, sale, made)
        self._document["receipt"] = receipt.make(
            self._notice, self.language, sale, self._epoch_ms, self._random_bytes, self._settings.collection_method
        )
        if self.state != table.ISSUE:
            self._to(table.ISSUE)
        self._deadline = ticks_add(self._now, self._settings.print_ms)
        self._retry = None
        self._print(self._document)

    def _print(self, document):
        self._job += 1
        document["job"] = self._job
        self._effects.append(("print", document))

    def _printing(self, job):
        """Whether this is the printer's word about the pass that is being made."""
        if self._ledger.stage != books.SIGNED_STAGE or self._document is None or self._printed:
            self.ignored += 1
            return False
        if job is not None and job != self._document["job"]:
            self.ignored += 1
            return False
        return True

    def _on_printed(self, job=None):
        if not self._printing(job):
            return
        self._own_faults.discard("printer")
        self._printed = True
        self._to(table.HAND_OVER)
        self._settle()

    def _on_print_failed(self, how="", job=None):
        if not self._printing(job):
            return
        self._own_faults.add("printer")
        if how == "nothing" and self._ledger.sale.kind == books.BUY:
            try:
                self._ledger.unsigned()
            except OSError:
                self._storage_failed()
                self._out_of_order("storage")
                return
            self._refund("printer")
        else:
            self._out_of_order("printer")

    def _out_of_order(self, why):
        """A rider waits for money or pass."""
        self._to(table.OUT_OF_ORDER)
        self._why = why
        self._pause = ticks_add(self._now, self._settings.pause_ms)

    def _sorry(self, why):
        self._why = why
        self._document = None
        if why == UNREACHABLE:
            self._own_faults.add("gateway")
        self._to(table.SORRY)

    def _settle(self):
        """Carry out what is decided: overwrite, move the escrow, tell the reporter. What fails is done again later."""
        sale = self._ledger.sale
        try:
            if self._ledger.stage == books.SIGNED_STAGE:
                self._ledger.decide()
            kept = self._ledger.stage == books.KEEPING
            if sale.kind == books.BUY:
                self._effects.append(("escrow", "keep" if kept else "return"))
            if kept or sale.kind == books.BUY:
                self._reporter.sale(self._epoch_ms, sale, kept)
        except OSError:
            self._storage_failed()
            return
        self._printed = False
        self._closing = True

    def _storage_failed(self):
        self._own_faults.add("storage")

    # -- what is done again

    def _again(self):
        stage = self._ledger.stage
        if stage == books.ASKED:
            self._ask_signature()

    def _look_again(self):
        """After a pause: faults that mend by themselves are tried anew, and so is what is owed."""
        self._own_faults.discard("gateway")
        self._own_faults.discard("printer")
        if "storage" in self._own_faults and tickets.writable(self._storage):
            self._own_faults.discard("storage")
            self._ledger.tidy()
        if self._unfinished():
            self._settle()
        elif self.state == table.OUT_OF_ORDER and not self._closing:
            self._allowed = table.TABLE[self.state][TIMED_OUT]
            self._resume()

    def _resume(self):
        """A rider's pass is owed: go on where it stopped, if nothing stands in the way."""
        stage = self._ledger.stage
        if stage == books.SIGNED_STAGE and not self._printed and "printer" not in self._faults:
            self._why = None
            self._make_and_print()
        elif stage == books.ASKED and self._retry is None:
            self._ask_signature()

    def _on_fault(self, what):
        stage = self._ledger.stage
        if self.state in (table.HAND_OVER, table.SORRY, table.OUT_OF_ORDER):
            return
        if self.state == table.ISSUE:
            if stage == books.ASKED and what in ("printer", "escrow") and self._ledger.sale.kind == books.BUY:
                self._refund_quietly(what)
            return
        if self.state in (table.PAY, table.ASK):
            self._return_money()
        if stage == books.IDLE:
            self._forget()
        self._to(table.OUT_OF_ORDER)

    def _refund_quietly(self, what):
        """Like a refund, but the kiosk is out of order at once."""
        try:
            self._ledger.decide()
        except OSError:
            self._storage_failed()
            self._out_of_order("storage")
            return
        self._settle()
        self._forget()
        self._to(table.OUT_OF_ORDER)
        self._why = what

    def _on_mended(self, what):
        if self.state == table.OUT_OF_ORDER:
            self._resume()

    def _timed_out(self):
        state = self.state
        if state == table.ISSUE:
            self._issue_timed_out()
            return
        if state in (table.PAY, table.ASK):
            self._return_money()
        elif state in (table.WITHDRAW, table.ERASE) and self._waiting is not None:
            self._sorry(UNREACHABLE)
            return
        self._home()

    def _issue_timed_out(self):
        if self._ledger.stage == books.SIGNED_STAGE:  # the printer says nothing
            self._own_faults.add("printer")
            self._out_of_order("printer")
        elif self._ledger.sale.kind == books.BUY:
            self._refund(UNREACHABLE)
        else:
            self._out_of_order(UNREACHABLE)
            self._retry = ticks_add(self._now, self._settings.retry_ms)
