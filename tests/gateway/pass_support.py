"""What the tests of passes share: keys made once, and the rider's side of RFC 9474 in plain integers.

The rider's side is written here from the RFC and checked by `cryptography`, so that it shares nothing with the kiosk.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384

SALT = 48
_made: list[rsa.RSAPrivateKey] = []


def pool() -> Iterator[rsa.RSAPrivateKey]:
    """Keys that are made once per session and handed out in the same order to whoever begins anew."""
    at = 0
    while True:
        if at == len(_made):
            _made.append(rsa.generate_private_key(65537, 2048))
        yield _made[at]
        at += 1


def _mgf1(seed: bytes, size: int) -> bytes:
    blocks = (hashlib.sha384(seed + n.to_bytes(4, "big")).digest() for n in range(-(-size // 48)))
    return b"".join(blocks)[:size]


class Rider:
    """One pass on its way: ``blinded`` goes out, :meth:`finish` takes the blind signature."""

    def __init__(self, key: dict[str, Any]) -> None:
        self.modulus = base64.b64decode(key["n"])
        self.n = int.from_bytes(self.modulus, "big")
        self.nonce = secrets.token_bytes(32)
        self.message = self.nonce + b"\x01" + bytes.fromhex(key["id"])
        salt = secrets.token_bytes(SALT)
        digest = hashlib.sha384(bytes(8) + hashlib.sha384(self.message).digest() + salt).digest()
        block = bytes(256 - SALT - 48 - 2) + b"\x01" + salt
        masked = bytes(a ^ b for a, b in zip(block, _mgf1(digest, len(block)), strict=True))
        encoded = int.from_bytes(bytes([masked[0] & 0x7F]) + masked[1:] + digest + b"\xbc", "big")
        self.factor = 2 + secrets.randbelow(self.n - 2)
        self.blinded = (encoded * pow(self.factor, 65537, self.n) % self.n).to_bytes(256, "big")

    @property
    def nullifier(self) -> bytes:
        return hashlib.sha256(b"gateline nullifier" + self.nonce).digest()[:16]

    def finish(self, blind_signature: bytes) -> bytes:
        """The pass's signature; InvalidSignature when OpenSSL does not verify it as plain RSA-PSS."""
        signature = int.from_bytes(blind_signature, "big") * pow(self.factor, -1, self.n) % self.n
        finished = signature.to_bytes(256, "big")
        public = rsa.RSAPublicNumbers(65537, self.n).public_key()
        public.verify(finished, self.message, padding.PSS(padding.MGF1(SHA384()), SALT), SHA384())
        return finished


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
