"""The rider's side of a blind signature: RSABSSA-SHA384-PSS-Randomized of RFC 9474, for 2048-bit keys.

A pass's nonce is the RFC's message prefix, so a prepared message is nonce, version and key id, and nothing is left to
do for ``Prepare``. Bytes in and out are 256, big-endian. Randomness comes from the caller, who takes the system's.
"""

from firmware.fare.rsa import EXPONENT, MODULUS_BYTES, SALT_BYTES, encode_pss, verify_pss


def _inverse(number, modulus):
    """1 / number modulo ``modulus``, or None where they have a divisor in common (extended Euclid)."""
    low, high = number % modulus, modulus
    at, before = 1, 0
    while low > 1:
        times = high // low
        low, high = high - times * low, low
        at, before = before - times * at, at
    return at % modulus if low == 1 else None


def _below(modulus, random_bytes):
    """A number from 1 to ``modulus`` - 1, each as likely; with its inverse."""
    while True:
        number = int.from_bytes(random_bytes(MODULUS_BYTES), "big")
        if 0 < number < modulus:
            inverse = _inverse(number, modulus)
            if inverse is not None:
                return number, inverse


def blind(n, message, random_bytes, salt_bytes=SALT_BYTES):
    """``(blinded message, inverse)`` of a prepared ``message`` under the modulus ``n`` (256 bytes).

    What is signed is seen by nobody who doesn't know the inverse. ValueError where ``n`` is no modulus for this (RFC
    9474, 4.2: the encoded message has no inverse, which happens with a broken key only).
    """
    modulus = int.from_bytes(n, "big")
    if len(n) != MODULUS_BYTES or modulus >> 2047 != 1 or not modulus & 1:
        raise ValueError("no modulus of 2048 bits")
    number = int.from_bytes(encode_pss(message, random_bytes(salt_bytes)), "big")
    if _inverse(number, modulus) is None:
        raise ValueError("the message has no inverse under this key")
    factor, inverse = _below(modulus, random_bytes)
    blinded = number * pow(factor, EXPONENT, modulus) % modulus
    return blinded.to_bytes(MODULUS_BYTES, "big"), inverse.to_bytes(MODULUS_BYTES, "big")


def finalize(n, message, blind_signature, inverse):
    """The signature of ``message``, or None where ``blind_signature`` is not what was asked for."""
    modulus = int.from_bytes(n, "big")
    number = int.from_bytes(blind_signature, "big")
    if len(blind_signature) != MODULUS_BYTES or len(n) != MODULUS_BYTES or not 0 <= number < modulus:
        return None
    signature = (number * int.from_bytes(inverse, "big") % modulus).to_bytes(MODULUS_BYTES, "big")
    return signature if verify_pss(n, message, signature) else None
