"""The part of the kiosk's engine that shows, erases and withdraws; money has no place in it.

Rules: what is shown is a pass; what leaves are tokens of days, and for an exchange the nullifier, never the pass.
Erasing comes before the exchange: after a cut between the two the old pass is as good as before, and there is nothing
under it. ``Kiosk`` (engine.py) has the state, the time and the effects.
"""

from firmware.kiosk import ledger as books
from firmware.kiosk import receipt, table, tickets
from firmware.kiosk.rider import Rider

UNREACHABLE = "unreachable"


class MyData(Rider):
    """Events of a rider who shows a pass."""

    def _on_my_data(self):
        self._to(table.MY_DATA)

    def _on_show(self, medium):
        if self._waiting:
            self.ignored += 1
            return
        self._rows = self._erased = self._why = None
        if self.state != table.MY_DATA:
            self._to(table.MY_DATA)
        self._extend()
        self._old = tickets.parse(medium)
        day = self._day()
        if self._old is None or day is None:
            self._why = "malformed" if self._old is None else "clock"
            return
        self._withdrawable = tickets.refusal(self._old, self._keys, day) is None
        self._tokens = tickets.tokens(self._old, day, self._settings.data_days)
        self._waiting = True
        self._effects.append(("rows", self._tokens))

    def _on_rows(self, rows):
        if self._waiting:
            self._waiting = False
            self._rows = list(rows)
            self._extend()
        else:
            self.ignored += 1

    def _on_rows_failed(self):
        if self._waiting:
            self._waiting = False
            self._sorry(UNREACHABLE)
        else:
            self.ignored += 1

    def _on_erase(self):
        if self._rows is None:
            self.ignored += 1
        else:
            self._to(table.ERASE)

    def _on_withdraw(self):
        if self._rows is None:
            self.ignored += 1
            return
        why = tickets.refusal(self._old, self._keys, self._day() or 0)
        if why is None and self._blocked():
            why = self._blocked()
        if why is None:
            self._to(table.WITHDRAW)
        else:
            self._why = why

    def _on_erased(self, count):
        if not self._waiting:
            self.ignored += 1
            return
        self._waiting = False
        if self.state == table.WITHDRAW:
            old = self._old
            key = self._keys.find(old.key_id)
            self._choice = "none"
            self._product = key.product
            self._issue(books.EXCHANGE, key.product, "none", tickets.nullifier(old), key.to)
            return
        self._rows = []
        self._erased = count
        self._to(table.MY_DATA)
        self._print(receipt.erasure(self._settings, self.language, self._epoch_ms, count))

    def _on_erase_failed(self):
        if self._waiting:
            self._waiting = False
            self._sorry(UNREACHABLE)
        else:
            self.ignored += 1
