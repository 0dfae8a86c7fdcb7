"""The seal: HMAC-SHA256 over topic, a zero byte and the message (docs/protocol.md, "Message form").

MicroPython has neither ``hmac`` nor ``hexdigest``; the pads are computed once a key.
"""

import hashlib
from binascii import hexlify

SEAL_BYTES = 74
_PREFIX = b',"mac":"'

# The pads as whole numbers: one operation on a long one, instead of sixty-four on short ones.
_INNER = int.from_bytes(b"\x36" * 64, "big")
_OUTER = int.from_bytes(b"\x5c" * 64, "big")


class Hmac:
    """HMAC-SHA256 (RFC 2104) with one key."""

    def __init__(self, key):
        if len(key) > 64:
            key = hashlib.sha256(key).digest()
        number = int.from_bytes(key + bytes(64 - len(key)), "big")
        self._inner = (number ^ _INNER).to_bytes(64, "big")
        self._outer = (number ^ _OUTER).to_bytes(64, "big")

    def digest(self, *parts):
        inner = hashlib.sha256(self._inner)
        for part in parts:
            inner.update(part)
        outer = hashlib.sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()


class Seal:
    """Seals and checks messages with one device's key (32 bytes)."""

    def __init__(self, key):
        self._hmac = Hmac(key)

    def _mac(self, topic, body):
        return hexlify(self._hmac.digest(topic.encode(), b"\0", body))

    def close(self, topic, message):
        """``message`` is a whole JSON object as bytes; returns it with the seal as its last member."""
        body = message[:-1]
        return body + _PREFIX + self._mac(topic, body) + b'"}'

    def check(self, topic, message):
        """True when the seal is this key's for this topic. Compares in constant time."""
        if len(message) <= SEAL_BYTES or message[-SEAL_BYTES : -SEAL_BYTES + 8] != _PREFIX or message[-2:] != b'"}':
            return False
        expected = self._mac(topic, message[:-SEAL_BYTES])
        given = message[-SEAL_BYTES + 8 : -2]
        difference = 0
        for left, right in zip(expected, given):
            difference |= left ^ right
        return difference == 0
