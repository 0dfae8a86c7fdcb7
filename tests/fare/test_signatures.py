"""RSASSA-PSS on the device beside OpenSSL's: each verifies the other's, and no bytes get past, raise, or cost more.

GATELINE_FUZZ_S is how long the fuzzing goes on: 2 s, or 60 s in continuous integration; GATELINE_FUZZ_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from dataclasses import dataclass

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa as openssl
from gmpy2 import powmod
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.fare import blind, rsa, sha384
from tests.conftest import in_ci

MESSAGE = bytes(range(32)) + b"\x01" + bytes(8)
FUZZ_S = float(os.environ.get("GATELINE_FUZZ_S", "60" if in_ci() else "2"))


def pss(salt_bytes: int = 48, mask: hashes.HashAlgorithm | None = None) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(mask or hashes.SHA384()), salt_length=salt_bytes)


@dataclass
class Signer:
    private: openssl.RSAPrivateKey

    def __post_init__(self) -> None:
        numbers = self.private.private_numbers()
        self.number, self.d = numbers.public_numbers.n, numbers.d
        self.n = self.number.to_bytes(256, "big")

    def power(self, block: bytes | bytearray) -> bytes:
        """What the private key makes of 256 bytes, whatever they are."""
        return int(powmod(int.from_bytes(block, "big"), self.d, self.number)).to_bytes(256, "big")

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, pss(), hashes.SHA384())

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """OpenSSL's word."""
        try:
            self.private.public_key().verify(signature, message, pss(), hashes.SHA384())
        except InvalidSignature:
            return False
        return True


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(openssl.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def good(signer: Signer) -> bytes:
    return signer.sign(MESSAGE)


def test_openssl_verifies_what_we_finalize(signer: Signer) -> None:
    for _ in range(20):
        blinded, inverse = blind.blind(signer.n, MESSAGE, os.urandom)
        signature = blind.finalize(signer.n, MESSAGE, signer.power(blinded), inverse)
        assert signature is not None
        assert signer.accepts(MESSAGE, signature)
        assert not signer.accepts(MESSAGE + b"x", signature)


def test_we_verify_what_openssl_signs(signer: Signer) -> None:
    for length in (0, 1, 41, 111, 112, 128, 5000):
        message = secrets.token_bytes(length)
        signature = signer.sign(message)
        assert rsa.verify_pss(signer.n, message, signature)
        assert not rsa.verify_pss(signer.n, message + b"\0", signature)


def test_two_blindings_of_one_message_have_nothing_in_common(signer: Signer) -> None:
    first, second = (blind.blind(signer.n, MESSAGE, os.urandom) for _ in range(2))
    assert first[0] != second[0] and first[1] != second[1]


def test_an_answer_to_another_question_is_no_signature(signer: Signer) -> None:
    blinded, inverse = blind.blind(signer.n, MESSAGE, os.urandom)
    answer = signer.power(blinded)
    wrong = [
        bytes(256),
        answer[:-1],
        answer + b"\0",
        b"",
        blinded,
        signer.n,
        b"\xff" * 256,
        (int.from_bytes(answer, "big") ^ 1).to_bytes(256, "big"),
    ]
    for other in wrong:
        assert blind.finalize(signer.n, MESSAGE, other, inverse) is None
    assert blind.finalize(signer.n, MESSAGE, answer, inverse[:-1]) is None
    assert blind.finalize(signer.n, MESSAGE, answer, b"") is None


def test_another_key_another_salt_another_mask_another_padding(signer: Signer, good: bytes) -> None:
    other = openssl.generate_private_key(65537, 2048)
    assert not rsa.verify_pss(signer.n, MESSAGE, other.sign(MESSAGE, pss(), hashes.SHA384()))
    for salt_bytes in (0, 32, 47, 49):
        assert not rsa.verify_pss(signer.n, MESSAGE, signer.private.sign(MESSAGE, pss(salt_bytes), hashes.SHA384()))
    mixed = signer.private.sign(MESSAGE, pss(48, hashes.SHA256()), hashes.SHA384())
    assert not rsa.verify_pss(signer.n, MESSAGE, mixed)
    assert not rsa.verify_pss(signer.n, MESSAGE, signer.private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA384()))
    assert rsa.verify_pss(signer.n, MESSAGE, good)


def test_every_part_of_the_padding_is_looked_at(signer: Signer) -> None:
    """Blocks that only the private key can make, each wrong in one place: RFC 8017, 9.1.2, steps 4 to 14."""
    block = rsa.encode_pss(MESSAGE, bytes(48))
    assert rsa.verify_pss(signer.n, MESSAGE, signer.power(block))
    for at in range(256):
        wrong = bytearray(block)
        wrong[at] ^= 0x01 if at else 0x10
        assert not rsa.verify_pss(signer.n, MESSAGE, signer.power(wrong)), at
    top = bytearray(block)
    top[0] |= 0x80
    if int.from_bytes(top, "big") < signer.number:
        assert not rsa.verify_pss(signer.n, MESSAGE, signer.power(top))


def test_a_signature_plus_the_modulus_is_none(signer: Signer) -> None:
    """The same number modulo n, and OpenSSL refuses it too: s < n."""
    while True:
        signature = signer.sign(MESSAGE)
        more = int.from_bytes(signature, "big") + signer.number
        if more < 1 << 2048:
            break
    assert not rsa.verify_pss(signer.n, MESSAGE, more.to_bytes(256, "big"))


@pytest.mark.slow
def test_every_bit(signer: Signer, good: bytes) -> None:
    """All bits of what is signed and of the signature, one at a time."""
    whole = MESSAGE + good
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not rsa.verify_pss(signer.n, bytes(flipped[:41]), bytes(flipped[41:])), bit


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=100))
def test_no_bytes_raise(n: bytes, signature: bytes, message: bytes) -> None:
    assert rsa.verify_pss(n, message, signature) is False
    assert blind.finalize(n, message, signature, n) is None


@settings(max_examples=150, deadline=None)
@given(signature=st.binary(min_size=256, max_size=256), message=st.binary(max_size=100))
def test_no_bytes_of_the_right_length_raise(signer: Signer, signature: bytes, message: bytes) -> None:
    assert rsa.verify_pss(signer.n, message, signature) is False


@pytest.mark.parametrize("what", ["good", "noise", "nought", "one", "no padding"])
def test_the_work_is_the_same_whatever_comes(
    what: str, signer: Signer, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One power; five digests of MGF1, one of the message, one of hash and salt."""
    signatures = {
        "good": good,
        "noise": signer.power(b"\x01" + secrets.token_bytes(255)),
        "nought": bytes(256),
        "one": bytes(255) + b"\1",
        "no padding": signer.power(bytes(255) + b"\xbc"),
    }
    counted = {"digest": 0, "pow": 0}
    digest = sha384.digest

    def digests(parts: tuple[bytes, ...], out: bytearray) -> None:
        counted["digest"] += 1
        digest(parts, out)  # type: ignore[no-untyped-call]

    def power(base: int, exponent: int, modulus: int) -> int:
        counted["pow"] += 1
        return pow(base, exponent, modulus)

    monkeypatch.setattr(rsa, "digest", digests)
    monkeypatch.setattr(rsa, "pow", power, raising=False)
    assert rsa.verify_pss(signer.n, MESSAGE, signatures[what]) is (what == "good")
    assert counted == {"digest": 7, "pow": 1}


@pytest.mark.slow
@pytest.mark.timeout(FUZZ_S + 120)
def test_fuzzing(signer: Signer, good: bytes) -> None:
    """Mutations of a good signature and of good padding; OpenSSL must say the same of each."""
    seed = int(os.environ.get("GATELINE_FUZZ_SEED", secrets.randbits(32)))
    chance = random.Random(seed)
    block = rsa.encode_pss(MESSAGE, bytes(48))
    tried = accepted = 0
    until = time.monotonic() + FUZZ_S
    while time.monotonic() < until:
        message, signature = bytearray(MESSAGE), bytearray(good)
        if chance.random() < 0.3:
            signature = bytearray(block)  # mutated below, then signed
        target = message if chance.random() < 0.1 else signature
        was_block = len(signature) == 256 and bytes(signature) == bytes(block)
        for _ in range(chance.choice((0, 1, 1, 2, 5))):
            kind = chance.randrange(5)
            at = chance.randrange(len(target)) if target else 0
            if kind == 0 and target:
                target[at] ^= 1 << chance.randrange(8)
            elif kind == 1 and target:
                target[at] = chance.choice((0, 1, 0x7F, 0x80, 0xBC, 0xFF))
            elif kind == 2:
                target[at:at] = chance.randbytes(chance.randrange(300))
            elif kind == 3:
                del target[at : at + chance.randrange(1, 300)]
            elif target:
                target[at:] = chance.randbytes(len(target) - at)
        if was_block and len(signature) == 256:
            signature = bytearray(signer.power(signature))
        ours = rsa.verify_pss(signer.n, bytes(message), bytes(signature))
        theirs = signer.accepts(bytes(message), bytes(signature))
        assert ours is theirs, f"seed {seed}: {message.hex()} {signature.hex()}"
        tried += 1
        accepted += ours
    assert tried > 100 and 0 < accepted < tried, (seed, tried, accepted)
