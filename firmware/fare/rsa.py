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
_MASKED = const(207)  # 256 - 48 of the digest - 1 of the trailer
_ONE_AT = const(158)  # 207 - 48 of the salt - 1
_NOUGHT = bytes(8)
_TRAILER = const(0xBC)

_first = bytearray(_DIGEST)
_second = bytearray(_DIGEST)
_mask = bytearray(_DIGEST)
_counter = bytearray(4)


def _unmask(block, seed):
    """MGF1 of ``seed`` over the first 207 bytes of ``block``, in place."""
    at = 0
    _counter[3] = 0
    while at < _MASKED:
        digest((seed, _counter), _mask)
        for i in range(min(_DIGEST, _MASKED - at)):
            block[at + i] ^= _mask[i]
        at += _DIGEST
        _counter[3] += 1
    block[0] &= 0x7F  # the encoded message has 2047 bits


def _parts(message):
    return message if isinstance(message, tuple) else (message,)


def encode_pss(message, salt):
    """EMSA-PSS-ENCODE (RFC 8017, 9.1.1): 256 bytes."""
    digest(_parts(message), _first)
    digest((_NOUGHT, _first, salt), _second)
    block = bytearray(MODULUS_BYTES)
    at = _MASKED - len(salt) - 1
    block[at] = 1
    block[at + 1 : _MASKED] = salt
    _unmask(block, _second)
    block[_MASKED:-1] = _second
    block[-1] = _TRAILER
    return block


def verify_pss(n, message, signature):
    """Whether ``signature`` is one of ``message`` under the modulus ``n``."""
    if len(signature) != MODULUS_BYTES or len(n) != MODULUS_BYTES:
        return False
    modulus = int.from_bytes(n, "big")
    number = int.from_bytes(signature, "big")
    if number >= modulus or modulus >> 2047 != 1:
        return False
    block = bytearray(pow(number, EXPONENT, modulus).to_bytes(MODULUS_BYTES, "big"))
    claimed = block[_MASKED:-1]
    good = block[-1] == _TRAILER and block[0] < 0x80
    _unmask(block, claimed)
    for i in range(_ONE_AT):
        if block[i]:
            good = False
    if block[_ONE_AT] != 1:
        good = False
    digest(_parts(message), _first)
    digest((_NOUGHT, _first, memoryview(block)[_ONE_AT + 1 : _MASKED]), _second)
    return good and _second == claimed
