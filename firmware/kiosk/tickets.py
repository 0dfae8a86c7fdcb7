"""What a kiosk does with passes: blind, finish and check new ones, read those that are shown to it.

The formats are docs/passes.md's, the arithmetic firmware/fare's; ``keys`` is a KeyList (firmware/fare/keylist.py).

No bytes make these functions raise.
"""

import hashlib
from binascii import hexlify

from firmware.fare import blind, pass_token
from firmware.fare.rsa import verify_pss
from firmware.report.seal import Hmac

NONCE_BYTES = 32
_VERSION = b"\x01"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def prepare(key, random_bytes):
    """``(nonce, inverse of the blind, blinded message)`` of a new pass under ``key``. ValueError for a broken key."""
    nonce = random_bytes(NONCE_BYTES)
    blinded, inverse = blind.blind(key.n, nonce + _VERSION + key.id, random_bytes)
    return nonce, inverse, blinded


def finish(sale, blind_signature):
    """The pass's 297 bytes from an open sale and the gateway's answer; None where the answer is no signature."""
    message = sale.nonce + _VERSION + sale.key_id
    signature = blind.finalize(sale.modulus, message, blind_signature, sale.inverse)
    if signature is None:
        return None
    return message[32:] + sale.nonce + signature


def text(raw):
    """The QR text of a pass: base32 in capitals, 476 characters."""
    out = bytearray()
    held = bits = 0
    for byte in raw:
        held = (held << 8 | byte) & 0xFFF
        bits += 8
        while bits >= 5:
            bits -= 5
            out.append(_ALPHABET[held >> bits & 31])
    if bits:
        out.append(_ALPHABET[held << 5 - bits & 31])
    return bytes(out).decode()


class Shown:
    """A pass that a rider has shown: its 297 bytes, taken apart. Nothing of it is checked yet."""

    def __init__(self, raw):
        self.raw = raw
        self.nonce = pass_token.nonce(raw)
        self.key_id = pass_token.key_id(raw)


def parse(medium):
    """``medium``: 297 bytes, or QR text as bytes or str. None when it is no pass."""
    if isinstance(medium, str):
        try:
            medium = medium.strip().encode("ascii")
        except UnicodeError:
            return None
    if len(medium) > 1024:
        return None
    raw = pass_token.parse(medium)
    return None if raw is None else Shown(raw)


def refusal(shown, keys, day):
    """Why a shown pass can't be exchanged, or None: an own reason ``not_recorded`` for a ``none`` pass, else those of a
    gate."""
    key = keys.find(shown.key_id)
    if key is None:
        return "unknown_key"
    if key.choice == "none":
        return "not_recorded"
    if not key.first <= day <= key.to:
        return "not_yet_valid" if day < key.first else "expired"
    if not verify_pss(key.n, (pass_token.message(shown.raw),), pass_token.signature(shown.raw)):
        return "bad_signature"
    return None


def nullifier(shown):
    """32 hex digits."""
    return hexlify(pass_token.nullifier(shown.nonce)).decode()


def tokens(shown, day, days):
    """The tokens of ``days`` service days up to ``day``, 64 hex digits each: what may be shown to the gateway."""
    mac = Hmac(shown.nonce)
    return [hexlify(mac.digest(str(day - back).encode())).decode() for back in range(days)]


def handles(shown_tokens):
    """The handles of tokens, as the gateway stores them."""
    return [hexlify(hashlib.sha256(token.encode()).digest()).decode() for token in shown_tokens]


def writable(storage):
    """Whether the storage takes bytes (again)."""
    try:
        storage.write("sale-probe", bytes(4096))
        storage.remove("sale-probe")
    except OSError:
        return False
    return True
