"""A pass as bytes: taken apart, and what is derived from it (docs/passes.md, "The pass").

297 bytes: version (1), key id (8), nonce (32), signature (256); or the same as 476 characters of base32 in capitals or
small letters, with white space around. Pure: no state, and no bytes make it raise.
"""

import hashlib

from firmware.boards.board import const

PASS_BYTES = const(297)
TEXT_CHARACTERS = const(476)
NULLIFIER_BYTES = const(16)
_VERSION = const(1)
_SPARE_BITS = const(0x0F)  # 476 characters hold 2,380 bits, four more than the pass has


def parse(medium):
    """The pass's 297 bytes, or None when ``medium`` (bytes) is none."""
    if len(medium) != PASS_BYTES or medium[0] != _VERSION:
        text = medium.strip()
        if len(text) != TEXT_CHARACTERS:
            return None
        medium = _decoded(text)
        if medium is None or medium[0] != _VERSION:
            return None
    return medium


def _decoded(text):
    """Base32 (RFC 4648) without padding, or None. Only one text stands for a pass: the spare bits are nought."""
    raw = bytearray(PASS_BYTES)
    held = bits = at = 0
    for character in text:
        if 65 <= character <= 90:  # A to Z
            value = character - 65
        elif 97 <= character <= 122:  # a to z
            value = character - 97
        elif 50 <= character <= 55:  # 2 to 7
            value = character - 24
        else:
            return None
        held = (held << 5 | value) & 0xFFF  # 12 bits: up to 7 that wait, and 5 new ones
        bits += 5
        if bits >= 8:
            bits -= 8
            raw[at] = held >> bits & 0xFF
            at += 1
    return None if held & _SPARE_BITS else bytes(raw)


def key_id(raw):
    """8 bytes."""
    return raw[1:9]


def nonce(raw):
    """32 bytes; whoever has them has the pass."""
    return raw[9:41]


def message(raw):
    """What the signature is over: nonce, version, key id."""
    return raw[9:41] + raw[:9]


def signature(raw):
    """256 bytes."""
    return raw[41:]


def nullifier(secret):
    """16 bytes that name a *used* pass; ``secret`` is its nonce."""
    digest = hashlib.sha256(b"gateline nullifier")
    digest.update(secret)
    return digest.digest()[:NULLIFIER_BYTES]
