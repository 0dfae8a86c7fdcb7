"""Blind signing: RSASP1 of RFC 8017 over a blinded message of RFC 9474, and nothing else with a private key.

Rules: the blinded message is blinded once more with a fresh random factor before the secret exponents touch it (base
blinding), the exponentiation is GMP's constant-time one, and what comes out is raised to the public exponent and
compared before it leaves: a fault in one half of the Chinese remainder computation would else give a factor of the
modulus away. Who may have a signature is not decided here. The result does not depend on the random factor, so the same
question has the same answer. Why gmpy2: docs/decisions/0009.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import gmpy2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from gmpy2 import mpz

from gateway.passes.refusal import Refusal

MODULUS_BITS: Final = 2048
MODULUS_BYTES: Final = 256
PUBLIC_EXPONENT: Final = 65537


class SigningFault(Exception):
    """A signature did not verify after it was made: the computation or the key is damaged, and nothing was given."""


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key as the computation wants it. Its ``repr`` shows nothing of it."""

    n: mpz
    p: mpz
    q: mpz
    d_p: mpz
    d_q: mpz
    q_inverse: mpz


def signing_key(key: RSAPrivateKey) -> SigningKey:
    """The numbers of ``key``; ValueError when it is not a 2048-bit key with the exponent 65537."""
    numbers = key.private_numbers()
    public = numbers.public_numbers
    if public.e != PUBLIC_EXPONENT or public.n.bit_length() != MODULUS_BITS:
        raise ValueError("a pass key has 2048 bits and the public exponent 65537")
    return SigningKey(*map(mpz, (public.n, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)))


def modulus_bytes(key: RSAPrivateKey) -> bytes:
    """The modulus, 256 bytes, big-endian."""
    return key.public_key().public_numbers().n.to_bytes(MODULUS_BYTES, "big")


def blind_sign(key: SigningKey, blinded: bytes, below: Callable[[int], int] = secrets.randbelow) -> bytes | Refusal:
    """The blind signature, 256 bytes; ``malformed`` when ``blinded`` is not 256 bytes below the modulus.

    ``below(n)`` draws from [0, n). :class:`SigningFault` when the result does not verify.
    """
    if len(blinded) != MODULUS_BYTES:
        return Refusal.MALFORMED
    message = mpz(int.from_bytes(blinded, "big"))
    if not 0 < message < key.n:
        return Refusal.MALFORMED
    while gmpy2.gcd(factor := mpz(below(int(key.n))), key.n) != 1:
        pass
    hidden = message * gmpy2.powmod(factor, PUBLIC_EXPONENT, key.n) % key.n
    of_p = gmpy2.powmod_sec(hidden % key.p, key.d_p, key.p)
    of_q = gmpy2.powmod_sec(hidden % key.q, key.d_q, key.q)
    signature = (of_q + key.q * (key.q_inverse * (of_p - of_q) % key.p)) * gmpy2.invert(factor, key.n) % key.n
    if gmpy2.powmod(signature, PUBLIC_EXPONENT, key.n) != message:
        raise SigningFault("a blind signature does not verify; it was not given out")
    return int(signature).to_bytes(MODULUS_BYTES, "big")
