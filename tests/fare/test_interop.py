"""Passes issued by us verify with @cloudflare/blindrsa-ts under Node, theirs with us, and each signs the other's.

The packages are installed from their lock into pytest's cache, once; without Node or npm these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa as openssl

from firmware.fare import blind, rsa
from tests.npm import installed
from tests.support import ROOT

INTEROP = ROOT / "tests" / "interop"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def packages(request: pytest.FixtureRequest) -> Path:
    """A folder in which the lock's packages are installed."""
    return installed(request.config, "interop", INTEROP)


def ask(packages: Path, *questions: tuple[str, dict[str, Any]]) -> list[Any]:
    run = subprocess.run(
        ["node", str(INTEROP / "peer.mjs"), str(packages)],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    assert run.returncode == 0, run.stderr
    answers: list[Any] = json.loads(run.stdout)
    return answers


class Issuer:
    """A key of OpenSSL's, as JSON Web Keys for the peer and as numbers for us."""

    def __init__(self) -> None:
        numbers = openssl.generate_private_key(65537, 2048).private_numbers()
        public = numbers.public_numbers
        self.n = public.n.to_bytes(256, "big")
        self._n, self._d = public.n, numbers.d
        members = {"n": public.n, "e": public.e}
        self.public = {"kty": "RSA", "ext": True, **{name: encoded(value) for name, value in members.items()}}
        members = {
            "d": numbers.d,
            "p": numbers.p,
            "q": numbers.q,
            "dp": numbers.dmp1,
            "dq": numbers.dmq1,
            "qi": numbers.iqmp,
        }
        self.private = {**self.public, **{name: encoded(value) for name, value in members.items()}}

    def sign(self, blinded: bytes) -> bytes:
        return pow(int.from_bytes(blinded, "big"), self._d, self._n).to_bytes(256, "big")


def encoded(value: int) -> str:
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def prepared() -> bytes:
    return secrets.token_bytes(32) + b"\x01" + secrets.token_bytes(8)


@pytest.mark.parametrize("signer", ["ours", "theirs"])
def test_what_we_blind_and_finalize_verifies_with_them(packages: Path, issuer: Issuer, signer: str) -> None:
    message = prepared()
    blinded, inverse = blind.blind(issuer.n, message, os.urandom)
    if signer == "ours":
        signed = issuer.sign(blinded)
    else:
        (answer,) = ask(packages, ("sign", {"key": issuer.private, "blinded": blinded.hex()}))
        signed = bytes.fromhex(answer)
        assert signed == issuer.sign(blinded)
    signature = blind.finalize(issuer.n, message, signed, inverse)
    assert signature is not None
    other = message[:-1] + bytes([message[-1] ^ 1])
    verified = [
        ("verify", {"key": issuer.public, "prepared": text.hex(), "signature": signature.hex()})
        for text in (message, other)
    ]
    assert ask(packages, *verified) == [True, False]


def test_what_they_blind_and_finalize_verifies_with_us(packages: Path, issuer: Issuer) -> None:
    (text,) = ask(packages, ("prepare", {"message": prepared()[32:].hex()}))
    message = bytes.fromhex(text)
    assert len(message) == 41
    (made,) = ask(packages, ("blind", {"key": issuer.public, "prepared": text}))
    signed = issuer.sign(bytes.fromhex(made["blinded"]))
    given = {"key": issuer.public, "prepared": text, "signature": signed.hex(), "inverse": made["inverse"]}
    (answer,) = ask(packages, ("finalize", given))
    signature = bytes.fromhex(answer)
    assert rsa.verify_pss(issuer.n, message, signature)
    assert not rsa.verify_pss(issuer.n, message[:-1], signature)
    assert blind.finalize(issuer.n, message, signed, bytes.fromhex(made["inverse"])) == signature
