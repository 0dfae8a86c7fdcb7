"""An issuer for tests: keys, signed key lists, pages of the spent set, and passes, by an implementation not our own.

Signatures come from OpenSSL (`cryptography`), bytes and texts are put together here from docs/passes.md, so that what
the firmware reads is not what the firmware's own code wrote. `python -m tests.passes` writes tests/golden/passes.json,
which the device's tests read on both runtimes; the private keys are thrown away.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support import ROOT

GOLDEN = ROOT / "tests" / "golden" / "passes.json"
DAY = 20_306  # 2025-08-06


def _modulus(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(256, "big")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _sign(key: rsa.RSAPrivateKey, message: bytes, salt_bytes: int = 48) -> bytes:
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=salt_bytes)
    return key.sign(message, pss, hashes.SHA384())


@dataclass
class IssuerKey:
    """One key of the list; days as in docs/passes.md."""

    product: str
    choice: str
    first: int
    sold_to: int
    to: int
    notice: str = "2026-1"
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def id(self) -> bytes:
        return hashlib.sha256(_modulus(self.private)).digest()[:8]

    @property
    def text(self) -> str:
        return (
            f'{{"id":"{self.id.hex()}","product":"{self.product}","choice":"{self.choice}","notice":"{self.notice}",'
            f'"from":{self.first},"sold_to":{self.sold_to},"to":{self.to},"n":"{_b64(_modulus(self.private))}"}}'
        )

    def new_pass(self, nonce: bytes | None = None, *, salt_bytes: int = 48, version: int = 1) -> bytes:
        """297 bytes."""
        nonce = secrets.token_bytes(32) if nonce is None else nonce
        head = bytes([version]) + self.id
        return head + nonce + _sign(self.private, nonce + head, salt_bytes)


def single(choice: str, first: int = DAY - 5) -> IssuerKey:
    return IssuerKey("single", choice, first, first + 14, first + 29)


def day_pass(choice: str, day: int = DAY) -> IssuerKey:
    return IssuerKey("day", choice, day, day, day)


class Issuer:
    """What the network's list key signs."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(65537, 2048)

    @property
    def list_key(self) -> str:
        return _b64(_modulus(self.private))

    def signed(self, context: str, body: str) -> bytes:
        """`body` is a JSON object without its closing brace."""
        signature = _sign(self.private, context.encode() + b"\0" + body.encode())
        return f'{body},"sig":"{_b64(signature)}"}}'.encode()

    def key_list(self, serial: int, keys: list[IssuerKey]) -> bytes:
        body = f'{{"v":1,"serial":{serial},"keys":[{",".join(key.text for key in keys)}]'
        return self.signed("gateline/1/passes/keys", body)

    def page(self, number: int, nullifiers: list[bytes]) -> bytes:
        entries = ",".join(f'"{entry.hex()}"' for entry in sorted(nullifier[:8] for nullifier in nullifiers))
        return self.signed("gateline/1/passes/spent", f'{{"v":1,"page":{number},"spent":[{entries}]')


def list_hash(message: bytes) -> str:
    return hashlib.sha256(message[:-354]).hexdigest()


def text_of(raw: bytes) -> str:
    """The QR text of a pass."""
    return base64.b32encode(raw).decode().rstrip("=")


def nullifier_of(raw: bytes) -> bytes:
    return hashlib.sha256(b"gateline nullifier" + raw[9:41]).digest()[:16]


def handle_of(raw: bytes, day: int) -> str:
    return hashlib.sha256(hmac.new(raw[9:41], str(day).encode(), hashlib.sha256).digest()).hexdigest()


def _golden() -> dict[str, object]:
    issuer = Issuer()
    keys = {
        "single research": single("research"),
        "single none": single("none"),
        "day research": day_pass("research"),
        "day none": day_pass("none"),
        "single of the month before": single("none", DAY - 20),
        "day pass of tomorrow": day_pass("none", DAY + 1),
        "single of the month over": single("none", DAY - 40),
    }
    passes = [(name, key, key.new_pass()) for name, key in keys.items()]
    passes += [(name, keys[name], keys[name].new_pass()) for name in ("single research", "single none", "day none")]
    listed = list(keys.values())
    stranger = single("none")
    used = [nullifier_of(raw) for _, _, raw in passes[-2:]]
    others = [bytes([number]) * 16 for number in range(1, 200, 3)]
    return {
        "day": DAY,
        "list_key": issuer.list_key,
        "lists": {
            "7": issuer.key_list(7, listed).decode(),
            "7, other": issuer.key_list(7, listed[:4]).decode(),
            "8": issuer.key_list(8, listed[:2]).decode(),
            "9, of another list key": Issuer().key_list(9, listed[:2]).decode(),
        },
        "pages": {
            "3": issuer.page(3, others[:20]).decode(),
            "3, grown": issuer.page(3, [*others, *used]).decode(),
            "3, shrunk": issuer.page(3, others[:10]).decode(),
            "4": issuer.page(4, [bytes([200]) * 16]).decode(),
            "7": issuer.page(7, []).decode(),
            "4, of another list key": Issuer().page(4, [bytes([201]) * 16]).decode(),
        },
        "passes": [
            {
                "name": name,
                "product": key.product,
                "choice": key.choice,
                "from": key.first,
                "to": key.to,
                "text": text_of(raw),
                "nullifier": nullifier_of(raw).hex(),
                "handle": handle_of(raw, DAY),
            }
            for name, key, raw in passes
        ],
        "of no listed key": text_of(stranger.new_pass()),
        "of another salt": text_of(keys["single none"].new_pass(salt_bytes=32)),
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(_golden(), indent=1) + "\n")
