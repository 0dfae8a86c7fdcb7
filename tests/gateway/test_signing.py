"""Blind signing: what leaves is right and verifies elsewhere, what is damaged does not leave."""

from __future__ import annotations

import dataclasses
import secrets
from itertools import islice
from typing import Any

import gmpy2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.passes import signing
from gateway.passes.keylist import key_id
from gateway.passes.refusal import Refusal
from tests.gateway.pass_support import Rider, b64, pool

PRIVATE, OTHER = islice(pool(), 2)
KEY = signing.signing_key(PRIVATE)
MODULUS = signing.modulus_bytes(PRIVATE)
N = int.from_bytes(MODULUS, "big")


def test_a_pass_signed_blindly_verifies_as_plain_rsa_pss() -> None:
    rider = Rider({"id": key_id(MODULUS), "n": b64(MODULUS)})
    signature = signing.blind_sign(KEY, rider.blinded)
    assert isinstance(signature, bytes) and len(signature) == 256
    rider.finish(signature)


@given(st.integers(1, N - 1))
def test_the_random_factor_leaves_no_trace(message: int) -> None:
    blinded = message.to_bytes(256, "big")
    signature = signing.blind_sign(KEY, blinded)
    assert signature == signing.blind_sign(KEY, blinded)
    assert isinstance(signature, bytes) and pow(int.from_bytes(signature, "big"), 65537, N) == message


@pytest.mark.parametrize(
    "blinded",
    [b"", bytes(255), bytes(257), bytes(256), MODULUS, (N + 1).to_bytes(256, "big"), b"\xff" * 256],
    ids=["empty", "short", "long", "zero", "n", "n+1", "ones"],
)
def test_what_is_no_blinded_message_is_refused(blinded: bytes) -> None:
    assert signing.blind_sign(KEY, blinded) is Refusal.MALFORMED


@pytest.mark.parametrize("part", ["d_p", "d_q", "q_inverse", "p", "q"])
def test_a_fault_in_any_part_leaves_nothing(part: str) -> None:
    damaged = dataclasses.replace(KEY, **{part: getattr(KEY, part) ^ 4})
    with pytest.raises(signing.SigningFault, match="not given out"):
        signing.blind_sign(damaged, (12345).to_bytes(256, "big"))


def test_the_factor_is_fresh_and_invertible() -> None:
    drawn = iter([0, int(KEY.p), 7])
    assert isinstance(signing.blind_sign(KEY, (5).to_bytes(256, "big"), lambda _: next(drawn)), bytes)
    assert next(drawn, None) is None, "a factor that shares one with the modulus is drawn again"


def test_the_secret_exponents_never_meet_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Base blinding, and the operation whose time does not tell of its exponent: once for each prime."""
    bases: list[tuple[int, int]] = []
    really = gmpy2.powmod_sec

    def watched(base: Any, exponent: Any, modulus: Any) -> Any:
        bases.append((int(base), int(modulus)))
        return really(base, exponent, modulus)

    monkeypatch.setattr(gmpy2, "powmod_sec", watched)
    sent = secrets.randbelow(int(KEY.n) - 1) + 1
    for _ in range(2):
        assert isinstance(signing.blind_sign(KEY, sent.to_bytes(256, "big")), bytes)
    assert sorted(modulus for _, modulus in bases) == sorted([int(KEY.p), int(KEY.q)] * 2)
    assert all(base != sent % modulus for base, modulus in bases)
    assert len(set(bases)) == 4, "the same question is blinded anew"


def test_other_keys_are_refused_and_nothing_of_a_key_shows() -> None:
    for wrong in (rsa.generate_private_key(3, 2048), rsa.generate_private_key(65537, 1024)):
        with pytest.raises(ValueError, match="2048 bits"):
            signing.signing_key(wrong)
    assert str(int(KEY.p)) not in repr(KEY) and str(int(KEY.n)) not in repr(KEY)
