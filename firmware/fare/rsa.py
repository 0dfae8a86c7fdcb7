"""RSASSA-PSS for 2048-bit keys with the public exponent 65537, SHA-384, MGF1 with SHA-384, 48 bytes of salt (RFC 8017).

Moduli and signatures are 256 bytes, big-endian; a message is bytes, or a tuple of them that is taken as one. No bytes
make ``verify_pss`` raise, and its work is the same whatever they are: one power and seven digests. Digests use buffers
that are made once, so a verification leaves little on the heap but the power's numbers.
"""

from firmware.boards.board import const
from firmware.fare.sha384 import digest

MODULUS_BYTES = const(256)
SALT_BYTES = const(48)
EXPONENT = const(65537)
_DIGEST = const(48)
_NOUGHT = bytes(8)
_TRAILER = const(0xBC)

_first = bytearray(_DIGEST)
_second = bytearray(_DIGEST)
_mask = bytearray(_DIGEST)
_counter = bytearray(4)


def _unmask(block, seed, masked):
    """MGF1 of ``seed`` over the first ``masked`` bytes of ``block``, in place."""
    at = 0
    _counter[3] = 0
    while at < masked:
        digest((seed, _counter), _mask)
        for i in range(min(_DIGEST, masked - at)):
            block[at + i] ^= _mask[i]
        at += _DIGEST
        _counter[3] += 1
    block[0] &= 0x7F  # the encoded message has one bit less than the modulus


def _parts(message):
    return message if isinstance(message, tuple) else (message,)


def encode_pss(message, salt, size=MODULUS_BYTES):
    """EMSA-PSS-ENCODE (RFC 8017, 9.1.1) for a modulus of ``size`` bytes: as many."""
    digest(_parts(message), _first)
    digest((_NOUGHT, _first, salt), _second)
    block = bytearray(size)
    masked = size - _DIGEST - 1  # but for the digest and the trailer
    at = masked - len(salt) - 1
    block[at] = 1
    block[at + 1 : masked] = salt
    _unmask(block, _second, masked)
    block[masked:-1] = _second
    block[-1] = _TRAILER
    return block


def power(n, signature):
    """The public operation: ``signature`` to the exponent, modulo ``n``; nearly all the time of a verification."""
    return pow(int.from_bytes(signature, "big"), EXPONENT, int.from_bytes(n, "big"))


def verify_pss(n, message, signature):
    """Whether ``signature`` is one of ``message`` under the modulus ``n``."""
    return len(n) == MODULUS_BYTES and verify(n, message, signature, SALT_BYTES)


def verify(n, message, signature, salt_bytes):
    """As ``verify_pss``, for a modulus of any whole number of bytes from 256 on, and another length of salt."""
    size = len(n)
    if size < MODULUS_BYTES or len(signature) != size:
        return False
    modulus = int.from_bytes(n, "big")
    number = int.from_bytes(signature, "big")
    if number >= modulus or modulus >> (8 * size - 1) != 1:
        return False
    block = bytearray(pow(number, EXPONENT, modulus).to_bytes(size, "big"))
    masked = size - _DIGEST - 1
    one_at = masked - salt_bytes - 1
    claimed = block[masked:-1]
    good = block[-1] == _TRAILER and block[0] < 0x80
    _unmask(block, claimed, masked)
    for i in range(one_at):
        if block[i]:
            good = False
    if block[one_at] != 1:
        good = False
    digest(_parts(message), _first)
    digest((_NOUGHT, _first, memoryview(block)[one_at + 1 : masked]), _second)
    return good and _second == claimed
