"""What is decided about a medium, and what its rider's passage needs of it.

Rules: no byte of the medium is in it that a record could carry, but for what docs/passes.md derives: nullifier and
handle. A handle is derived when it is first asked for, which is when its rider is through: so deciding takes the same
time whatever was agreed to, and the handle of a rider who has not agreed is never derived at all.
"""

from firmware.fare import handles

REASONS = (
    "oversized",
    "malformed",
    "no_keys",
    "unknown_key",
    "not_yet_valid",
    "expired",
    "bad_signature",
    "spent",
    "passback",
)


class Decision:
    """``accepted``; then ``product`` ("single", "day"), ``consent``, and the day's ``handle`` (None without consent).

    ``reason`` says why not (one of REASONS). ``nullifier`` (16 bytes) and ``to`` (last valid day of the key) are those
    of a real pass, for who marks it as used; ``day`` is the service day on which it was presented.
    """

    def __init__(self, accepted, product=None, consent=False, handle=None, reason=None):
        self.accepted = accepted
        self.product = product
        self.consent = consent
        self.reason = reason
        self.nullifier = None
        self.to = None
        self.day = None
        self._handle = handle
        self._nonce = None

    @property
    def handle(self):
        """64 hex digits, derived when first asked for; None without consent."""
        if self._nonce is not None:
            self._handle = handles.handle(self._nonce, self.day)
            self._nonce = None
        return self._handle

    def of_medium(self, day, nonce, nullifier=None, to=None):
        """What was presented; the nonce of a rider who has not agreed is not kept."""
        self.day = day
        self.nullifier = nullifier
        self.to = to
        self._nonce = nonce if self.consent else None
        return self
