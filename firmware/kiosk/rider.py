"""The part of the kiosk's engine that knows the rider before it: what they see, and how they are forgotten.

Rule: whatever the engine keeps of a rider is named in ``_forget``; a test searches the memory afterwards.
"""

from chumicro_timing import ticks_diff

from firmware.kiosk import ledger as books
from firmware.kiosk import receipt, table


class Rider:
    """What is known of one rider, until they go."""

    def _forget(self):
        self.language = self._settings.languages[0]
        self._product = None
        self._paid_cents = 0
        self._choice = None
        self._document = None
        self._rows = None
        self._erased = None
        self._old = None  # the pass that was shown
        self._tokens = None
        self._withdrawable = False
        self._waiting = None  # the number of the question whose answer is waited for
        self._why = None

    def screen(self, now=None):
        """What the rider may see, as a dictionary; ``state`` is one of table.py's."""
        now = self._now if now is None else now
        settings = self._settings
        price = settings.prices.get(self._product, 0)
        shown = {
            "state": self.state,
            "language": self.language,
            "languages": settings.languages,
            "prices": settings.prices,
            "currency": settings.currency,
            "product": self._product,
            "price_cents": price,
            "paid_cents": self._paid_cents,
            "missing_cents": max(0, price - self._paid_cents),
            "choice": self._choice,
            "notice": receipt.notice_shown(self._notice, self.language),
            "rows": self._rows,
            "erased": self._erased,
            "withdrawable": self._withdrawable,
            "waiting": self._waiting is not None,
            "pass_text": None,
            "receipt": None,
            "list_hash": self._keys.hash,
            "seconds_left": None,
            "why": self._why,
            "owed": self._ledger.stage != books.IDLE,
        }
        if self.state == table.HAND_OVER and self._document is not None:
            shown["pass_text"] = self._document["pass_text"]
            shown["receipt"] = self._document["receipt"]
        if self.state == table.OUT_OF_ORDER and self._why is None:
            shown["why"] = self._blocked()
        if self._deadline is not None and self.state not in (table.ISSUE, table.OUT_OF_ORDER):
            shown["seconds_left"] = max(0, (ticks_diff(self._deadline, now) + 999) // 1000)
        return shown
