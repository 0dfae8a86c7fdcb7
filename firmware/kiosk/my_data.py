"""The part of the kiosk's engine that shows, erases and withdraws; money has no place in it.

Rules: what is shown is a pass; what leaves are tokens of days, and for an exchange the nullifier, never the pass.
Erasing comes before the exchange: after a cut between the two the old pass is as good as before, and there is nothing
under it. Who withdraws erases every day on which the old pass is valid, those to come too: a gate that has not heard of
the exchange yet may take the old pass, and what it tells is then not stored. ``Kiosk`` (engine.py) has the state, the
time and the effects.

Each question has a number, and only the answer that brings it back is taken: the gateway may answer when the rider has
gone and another stands there.
"""

from firmware.kiosk import ledger as books
from firmware.kiosk import receipt, table, tickets
from firmware.kiosk.rider import Rider

UNREACHABLE = "unreachable"
TOKENS_MAX = 62  # of one question (docs/passes.md)


def _entered(rows):
    """Whether a passage in is among what is stored under the pass."""
    return any(row.get("way") == "entry" for row in rows)


class MyData(Rider):
    """Events of a rider who shows a pass."""

    def _on_my_data(self):
        self._to(table.MY_DATA)

    def _on_show(self, medium):
        if self._waiting is not None:
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
        self._tokens = tickets.tokens(self._old, day, self._data_days())
        self._question("rows", self._tokens)

    def _data_days(self):
        """How many service days are asked for: as long as rows live, by the notice's word, and today."""
        keep = None if self._notice is None else self._notice.get("keep_days")
        if type(keep) is not int or keep < 1:
            return self._settings.data_days
        return min(keep + 1, TOKENS_MAX)

    def _question(self, name, tokens):
        self._questions += 1
        self._waiting = self._questions
        self._effects.append((name, tokens, self._waiting))

    def _answers(self, number):
        """Whether this is the answer that is waited for; then nothing is waited for any more."""
        if number is None or number != self._waiting:
            self.ignored += 1
            return False
        self._waiting = None
        return True

    def _on_rows(self, rows, number=None):
        if self._answers(number):
            self._rows = list(rows)
            self._extend()

    def _on_rows_failed(self, number=None):
        if self._answers(number):
            self._sorry(UNREACHABLE)

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

    def _confirmed(self):
        """The rider said yes to erasing, or to withdrawing, which begins with it."""
        tokens = self._tokens
        key = self._keys.find(self._old.key_id)
        if self.state == table.WITHDRAW and key is not None:
            tokens = tickets.tokens(self._old, key.to, key.to - key.first + 1)
        self._extend()
        self._question("erase", tokens)

    def _on_erased(self, count, number=None):
        if not self._answers(number):
            return
        if self.state == table.WITHDRAW:
            old = self._old
            key = self._keys.find(old.key_id)
            if key is None:  # another list has come meanwhile
                self._sorry("unknown_key")
                return
            if key.product == "single" and _entered(self._rows):
                # The gate holds the nullifier until its tally closes, so the gateway could not know: for one fare there
                # would be a second ride, and for those only who agreed.
                self._forgotten(count)
                self._why = "used"
                return
            self._choice = "none"
            self._product = key.product
            self._issue(books.EXCHANGE, key.product, "none", tickets.nullifier(old), key.to)
            return
        self._forgotten(count)

    def _forgotten(self, count):
        self._rows = []
        self._erased = count
        self._to(table.MY_DATA)
        self._print(receipt.erasure(self._settings, self.language, self._epoch_ms, count))

    def _on_erase_failed(self, number=None):
        if self._answers(number):
            self._sorry(UNREACHABLE)
