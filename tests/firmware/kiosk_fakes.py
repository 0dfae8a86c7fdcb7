"""What the kiosk's tests stand on: an office that signs, keys, an escrow of metal, and a world that can lose its power.

Runs under CPython and MicroPython, so plain language only. No assertions here.
"""

import hashlib

from firmware.fare.pass_token import nullifier
from firmware.kiosk.config import KioskSettings
from tests.firmware.fakes import KEY_HEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Primes of RSA keys that are for these tests alone: `none`, then `research`.
_PRIMES = (
    (
        int(
            "db756cabe7fbc4ec9991455ad2673aae804879ba50b4aabbbd91306985434f9a911b18e7fc47b8a34dcaa40544ddf90cc8ad"
            "b0ebc5a85047b16c57041fa6268f37244899fb0c9bf86a93fe1792debbec3e0d99c298d5f76a8006a146aa910350de0e37ba"
            "73ce341b66ab47823ea43841890ecccb69715d9f82cce4f67c2e1cdd",
            16,
        ),
        int(
            "c17f6f0580bfec259034c7b98739d608fc785c4d71546e33b57ab46d594de913b73280d7226f030bc58c529a8406ca61e261"
            "a6cedcff3548ea359aeed5ca80cb0cd04cf5681a1c350f49e298ac0abd0554753eef66b1acb249d597fdc1fde73bdf1dbe7f"
            "6a7d6a3c7809fc1736398c7654297535483831500b731a812ec9c463",
            16,
        ),
    ),
    (
        int(
            "e66a75f52e4cdade4bec79832eca09435ba0b1390577066fa17364647ca3fadbdccced4286231bf2e8fd987d7b0cd23b1aee"
            "4d69ce333e3c355c3cd648561fc201cfd1b859699479449eba757cb329bbb32786a003a654bb49a7a5e7ef0568d705b2fa1c"
            "70a6e64830140280ac074657f5a443e0089555a726146c8fd4755633",
            16,
        ),
        int(
            "b56c95cca9fa64b62a15c6678158587277c9cfad3e6cfed8247c589388b10f8201a1678d121898ac9957a2908435f07ec05e"
            "b72c04565d17347972362c67569411f18b8fd2c7505c7b83fd286e8b39c7dd3d3bd4c68573888a086424e39f5dbee65a7b33"
            "0d0cc8b56390061e99d33afa8759546221193b892e381d68a75e6361",
            16,
        ),
    ),
)


class Key:
    """As firmware/fare/keylist.py has them, with the secret of it."""

    def __init__(self, product: str, choice: str, first: int, sold_to: int, to: int) -> None:
        self._p, self._q = _PRIMES[choice == "research"]
        self._modulus = self._p * self._q
        self.n = self._modulus.to_bytes(256, "big")
        # Two products may share the numbers here, so the id has the product in it.
        self.id = hashlib.sha256(self.n + product.encode()).digest()[:8]
        self.product = product
        self.choice = choice
        self.notice = "2026-1"
        self.first = first
        self.sold_to = sold_to
        self.to = to

    def sign(self, blinded: bytes) -> bytes:
        """The secret operation, by the Chinese remainder theorem."""
        p, q = self._p, self._q
        message = int.from_bytes(blinded, "big")
        exponent = inverse(65537, (p - 1) * (q - 1))
        by_p = pow(message % p, exponent % (p - 1), p)
        by_q = pow(message % q, exponent % (q - 1), q)
        return ((by_p - by_q) * inverse(q, p) % p * q + by_q).to_bytes(256, "big")


def inverse(value: int, modulus: int) -> int:
    """By Euclid; MicroPython's ``pow`` takes no negative exponent."""
    a, b, x, y = value % modulus, modulus, 1, 0
    while a > 1:
        quotient = b // a
        a, b, x, y = b - quotient * a, a, y - quotient * x, x
    return x % modulus


class Keys:
    """A key list that needs no signature."""

    hash = "ab" * 32

    def __init__(self, day: int) -> None:
        self.keys = [
            Key(product, choice, day, day if product == "day" else day + 14, day if product == "day" else day + 29)
            for product in ("single", "day")
            for choice in ("none", "research")
        ]

    def find(self, key_id: bytes) -> "Key | None":
        for key in self.keys:
            if key.id == key_id:
                return key
        return None

    def newest(self, product: str, choice: str, day: int) -> "Key | None":
        for key in self.keys:
            if key.product == product and key.choice == choice and key.first <= day <= key.sold_to:
                return key
        return None


_signed: "dict[bytes, bytes]" = {}


class Office:
    """The gateway's issuer as docs/passes.md has it: idempotent by sale, an exchange spends the old pass first."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.signatures: "dict[int, tuple[bytes, bytes]]" = {}
        self.spent: "set[str]" = set()
        self.reached = 0

    def sign(self, effect: "tuple[Any, ...]") -> "tuple[Any, ...]":
        """The engine's event for its effect."""
        self.reached += 1
        sale, key_id, blinded = effect[1:4]
        if sale in self.signatures:
            before, signature = self.signatures[sale]
            if before != blinded:
                return ("sign_refused", sale, "sale_used")
            return ("signed", sale, signature)
        key = self.keys.find(bytes(int(key_id[at : at + 2], 16) for at in range(0, 16, 2)))
        if key is None:
            return ("sign_refused", sale, "unknown_key")
        if effect[0] == "exchange":
            if effect[4] in self.spent:
                return ("sign_refused", sale, "spent")
            self.spent.add(effect[4])
        # Tests cut the same sale a thousand times, and the secret operation is slow on a chip's runtime.
        if blinded not in _signed:
            _signed[blinded] = key.sign(blinded)
        self.signatures[sale] = (blinded, _signed[blinded])
        return ("signed", sale, _signed[blinded])


class Metal:
    """What survives a power cut besides the storage: coins in escrow, cup and box, papers in the tray."""

    def __init__(self) -> None:
        self.escrow = self.cup = self.box = 0
        self.tray: "list[dict[str, Any]]" = []

    def move(self, where: str) -> None:
        if where == "keep":
            self.box += self.escrow
        else:
            self.cup += self.escrow
        self.escrow = 0


def kiosk_settings(**kiosk: "Any") -> KioskSettings:
    values = {
        "gateway": "http://127.0.0.1:8080",
        "prices": {"single": 300, "day": 800},
        "coins": [[1, 10], [2, 100], [3, 200]],
    }
    values.update(kiosk)
    return KioskSettings(
        {
            "site": "north",
            "device": "kiosk-1",
            "class": "emulated",
            "key": KEY_HEX,
            "broker": None,
            "kiosk": values,
        },
        True,
    )


NOTICE = {
    "version": "2026-1",
    "texts": {
        "en": {"title": "May we?", "question": "You decide.", "what": "Which gate.", "contact": "At the desk."},
        "de": {"title": "Dürfen wir?", "question": "Sie entscheiden.", "what": "Welche Sperre.", "contact": "Dort."},
    },
    "receipt": {},
}


def nullifier_hex(nonce: bytes) -> str:
    return "".join("%02x" % byte for byte in nullifier(nonce))
