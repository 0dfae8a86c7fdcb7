"""The issuer: decides whether a kiosk gets a signature, and has it made. ``now_ms`` is an argument (epoch ms).

Rules: every signature has a sale and a quota behind it, committed before it leaves; the same question gets the same
signature and costs nothing more, whatever has changed since: it is looked up before anything else is asked, so that
nobody whose old pass is spent is left without the new one. Nothing new is issued while devices hold different lists. A
question that is refused has cost nothing. Who asks, and that it is a kiosk, is proved by the caller (the seal).
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from gateway.admission.rules import Sender
from gateway.passes.agreement import Agreement
from gateway.passes.calendar import is_sold, service_day
from gateway.passes.defaults import DEFAULT_QUOTA
from gateway.passes.keylist import PassKey
from gateway.passes.keyring import Keyring
from gateway.passes.refusal import Refusal
from gateway.passes.signing import MODULUS_BYTES, blind_sign
from gateway.store.passes import PassStore, Question

log = logging.getLogger("gateline.passes")


@dataclass(frozen=True, slots=True)
class Exchange:
    """The pass that is given back: its nullifier (16 bytes), and the last day of its key."""

    nullifier: bytes
    to: int


class Issuer:
    """Answers the kiosks of one network. Safe to use from several threads."""

    def __init__(self, keyring: Keyring, store: PassStore, agreement: Agreement, quota: int = DEFAULT_QUOTA) -> None:
        self._keyring = keyring
        self._store = store
        self._agreement = agreement
        self.quota = quota

    def sign(
        self, kiosk: Sender, sale: int, key_id: str, blinded: bytes, now_ms: int, exchange: Exchange | None = None
    ) -> bytes | Refusal:
        """The blind signature, 256 bytes, or why there is none; StoreBusy and StoreFull: ask again."""
        if len(blinded) != MODULUS_BYTES:
            return Refusal.MALFORMED
        digest = _digest(key_id, blinded, exchange)
        known = self._store.answer(kiosk.device, sale, digest)
        if known is not None:
            return known
        key = self._keyring.find(key_id)
        if key is None:
            return Refusal.UNKNOWN_KEY
        if not bytes(MODULUS_BYTES) < blinded < key.modulus:
            return Refusal.MALFORMED
        if exchange is not None and (refusal := self._not_exchangeable(kiosk, key, exchange, now_ms)) is not None:
            return refusal
        private = self._keyring.signing(key_id)
        if private is None:
            return Refusal.NOT_SOLD
        why_not = None
        if not is_sold(key.first, key.sold_to, now_ms, kiosk.day_start_ms):
            why_not = Refusal.NOT_SOLD
        elif self._agreement.differing(now_ms):
            why_not = Refusal.KEYS_DIFFER
        spends = None if exchange is None else (exchange.nullifier, exchange.to)
        question = Question(
            kiosk.device,
            sale,
            digest,
            service_day(now_ms, kiosk.day_start_ms),
            key.last if exchange is None else max(key.last, exchange.to),
            spends,
        )
        return self._store.issue(question, self.quota, why_not, lambda: blind_sign(private, blinded))

    def _not_exchangeable(self, kiosk: Sender, key: PassKey, exchange: Exchange, now_ms: int) -> Refusal | None:
        if key.choice != "none":
            return Refusal.NOT_SOLD
        of_product = [one for one in self._keyring.listed() if one.product == key.product]
        if not any(one.last == exchange.to for one in of_product):
            return Refusal.UNKNOWN_KEY
        return None


def _digest(key_id: str, blinded: bytes, exchange: Exchange | None) -> bytes:
    about = b"sign" if exchange is None else b"exchange" + exchange.nullifier + exchange.to.to_bytes(8, "big")
    return hashlib.sha256(key_id.encode() + b"\0" + blinded + about).digest()
