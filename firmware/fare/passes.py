"""Media are judged: bytes in, a Decision out, never an exception, in bounded time (docs/passes.md, "At the gate").

Rules: offline; the first thing that is wrong is the reason. What a rider has agreed to is looked at only to keep or to
drop the nonce, so both take the same time; a handle is derived when its rider is through, and for nobody else. A pass
counts as used when its rider is through.
"""

from firmware.fare import pass_token
from firmware.fare.decision import REASONS, Decision
from firmware.fare.keylist import KeyList
from firmware.fare.passback import Passback
from firmware.fare.rsa import power, verify_pss
from firmware.fare.spent import SpentPages, Used

try:
    from firmware.fare import test_token
except ImportError:  # a physical board's bundle has no test token
    test_token = None  # type: ignore[assignment]

MEDIUM_MAX_BYTES = 1024
USED_MAX = 512

_REFUSED = {reason: Decision(False, reason=reason) for reason in REASONS}


class Fare:
    """What one gate knows of keys and of used passes. ``settings``: list_key, spent_pages, passback_ms, way."""

    def __init__(self, settings, storage, verify=verify_pss, toil=power):
        self._entry = settings.way == "entry"
        self._verify = verify
        self._toil = toil
        self.keys = KeyList(storage, settings.list_key, verify)
        # An exit lets spent singles out, so it needs no pages.
        pages = settings.spent_pages if self._entry and settings.list_key is not None else 0
        self.spent = SpentPages(settings.list_key, pages, verify) if pages else None
        self._used = Used(USED_MAX if settings.list_key is not None else 1)
        self._passback = Passback(settings.passback_ms)

    def decide(self, medium, day, now):
        """Judge one medium (bytes) at ``now`` (ticks) on service day ``day``."""
        if len(medium) > MEDIUM_MAX_BYTES:
            return _REFUSED["oversized"]
        if test_token is not None:
            decision = test_token.verify(medium, day)
            if decision is not None:
                return decision
        raw = pass_token.parse(medium)
        if raw is None:
            return _REFUSED["malformed"]
        return self._judge(raw, day, now)

    def _judge(self, raw, day, now):
        if not self.keys:
            return _REFUSED["no_keys"]
        key = self.keys.find(pass_token.key_id(raw))
        if key is None:
            return _REFUSED["unknown_key"]
        if day < key.first:
            return _REFUSED["not_yet_valid"]
        if day > key.to:
            return _REFUSED["expired"]
        signature = pass_token.signature(raw)
        good = self._verify(key.n, pass_token.message(raw), signature)
        # How long a power takes depends on its modulus, and there is a key for each choice: who has a stopwatch would
        # tell who agreed from when the lamp lights. So each pass costs the powers of both keys.
        twin = self.keys.twin(key)
        if twin is not None:
            self._toil(twin.n, signature)
        if not good:
            return _REFUSED["bad_signature"]
        nonce = pass_token.nonce(raw)
        nullifier = pass_token.nullifier(nonce)
        if self.spent is not None and self.spent.has(nullifier):
            return _REFUSED["spent"]
        if key.product == "single":
            if self._used.has(nullifier):
                return _REFUSED["spent"]
        elif self._passback.has(nullifier, now, day):
            return _REFUSED["passback"]
        decision = Decision(True, key.product, key.choice == "research")
        return decision.of_medium(day, nonce, nullifier, key.to)

    def use(self, decision, now):
        """Its rider is through at ``now`` (ticks). True when the gateway must hear of the nullifier."""
        if decision.nullifier is None:
            return False
        if decision.product == "single":
            self._used.add(decision.nullifier)
            return self._entry
        self._passback.add(decision.nullifier, now, decision.day)
        return False

    def remember(self, nullifier):
        """Used here before this boot, and the gateway may not have it yet."""
        if self._entry:
            self._used.add(nullifier)
