"""The rider's side of a blind signature: RSABSSA-SHA384-PSS-Randomized of RFC 9474, for 2048-bit keys.

A pass's nonce is the RFC's message prefix, so a prepared message is nonce, version and key id, and nothing is left to
do for ``Prepare``. Bytes in and out are 256, big-endian (as many as the modulus has, for the RFC's own vectors have a
larger one). Randomness comes from the caller, who takes the system's.
"""

from firmware.fare.rsa import EXPONENT, MODULUS_BYTES, SALT_BYTES, encode_pss, verify

_TRIES = 256  # a number of as many bits is below the modulus at least every second time


def _inverse(number, modulus):
    """1 / number modulo ``modulus``, or None where they have a divisor in common (extended Euclid)."""
    low, high = number % modulus, modulus
    at, before = 1, 0
    while low > 1:
        times = high // low
        low, high = high - times * low, low
        at, before = before - times * at, at
    return at % modulus if low == 1 else None


def _below(modulus, size, random_bytes):
    """A number from 1 to ``modulus`` - 1, each as likely, that has an inverse; and that."""
    for _ in range(_TRIES):
        number = int.from_bytes(random_bytes(size), "big")
        if 0 < number < modulus:
            inverse = _inverse(number, modulus)
            if inverse is not None:
                return number, inverse
    raise ValueError("randomness that never fits is none")


def blind(n, message, random_bytes, salt_bytes=SALT_BYTES):
    """``(blinded message, inverse)`` of a prepared ``message`` under the modulus ``n``.

    What is signed is seen by nobody who doesn't know the inverse. ValueError where ``n`` is no modulus for this (RFC
    9474, 4.2: the encoded message has no inverse, which happens with a broken key only).
    """
    size = len(n)
    modulus = int.from_bytes(n, "big")
    if size < MODULUS_BYTES or modulus >> (8 * size - 1) != 1 or not modulus & 1:
        raise ValueError("no modulus of 2048 bits or more")
    number = int.from_bytes(encode_pss(message, random_bytes(salt_bytes), size), "big")
    if _inverse(number, modulus) is None:
        raise ValueError("the message has no inverse under this key")
    factor, inverse = _below(modulus, size, random_bytes)
    blinded = number * pow(factor, EXPONENT, modulus) % modulus
    return blinded.to_bytes(size, "big"), inverse.to_bytes(size, "big")


def finalize(n, message, blind_signature, inverse, salt_bytes=SALT_BYTES):
    """The signature of ``message``, or None where ``blind_signature`` is not what was asked for."""
    size = len(n)
    modulus = int.from_bytes(n, "big")
    number = int.from_bytes(blind_signature, "big")
    if len(blind_signature) != size or number >= modulus:
        return None
    signature = (number * int.from_bytes(inverse, "big") % modulus).to_bytes(size, "big")
    return signature if verify(n, message, signature, salt_bytes) else None
