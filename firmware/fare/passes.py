"""The seam where media are judged: bytes in, a Decision out, never an exception.

``verifiers`` are tried in order; each is a function ``(medium, day) -> Decision or None`` ("not mine"). What
nobody knows is refused. A Decision carries no byte of the medium.
"""


class Decision:
    """``accepted``; then ``product`` ("single", "day"), ``consent``, and the day's ``handle`` (None without
    consent)."""

    def __init__(self, accepted, product=None, consent=False, handle=None):
        self.accepted = accepted
        self.product = product
        self.consent = consent
        self.handle = handle


REFUSED = Decision(False)
MEDIUM_MAX_BYTES = 1024


def decide(verifiers, medium, day):
    """Judge one medium on service day ``day``."""
    if len(medium) > MEDIUM_MAX_BYTES:
        return REFUSED
    for verifier in verifiers:
        decision = verifier(medium, day)
        if decision is not None:
            return decision
    return REFUSED
