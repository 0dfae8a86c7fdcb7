"""The signed messages that every device reads: key list and pages of the spent set. Pure but for the key that signs.

Rules: the form is that of docs/passes.md to the byte; a signature covers its context, a zero byte and all bytes before
it. At most 8 KiB and 16 keys: more is a mistake of the calendar and raises. Reading is for a gateway that finds its own
list again; only a list that the list key has signed counts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA384

from gateway.passes.calendar import MAX_KEYS, Choice, Product

MAX_LIST_BYTES: Final = 8 * 1024
PAGE_ENTRIES: Final = 256
SLOTS: Final = 16
SIGNATURE_END_BYTES: Final = 354
KEYS_CONTEXT: Final = b"gateline/1/passes/keys"
SPENT_CONTEXT: Final = b"gateline/1/passes/spent"
_SALT_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class PassKey:
    """A key as everybody may know it; its days are those of :class:`~gateway.passes.calendar.Wanted`."""

    id: str
    product: Product
    choice: Choice
    notice: str
    first: int
    sold_to: int
    last: int
    modulus: bytes

    def told(self) -> dict[str, str | int]:
        """All of it but the modulus, in the wire's names and order."""
        return {
            "id": self.id,
            "product": self.product,
            "choice": self.choice,
            "notice": self.notice,
            "from": self.first,
            "sold_to": self.sold_to,
            "to": self.last,
        }


def key_id(modulus: bytes) -> str:
    """The first 8 bytes of SHA-256 of the modulus, as 16 hex digits."""
    return hashlib.sha256(modulus).hexdigest()[:16]


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _signed(body: bytes, context: bytes, key: RSAPrivateKey) -> bytes:
    before = body[:-1]
    signature = key.sign(context + b"\0" + before, PSS(MGF1(SHA384()), _SALT_BYTES), SHA384())
    return before + b',"sig":"' + base64.b64encode(signature) + b'"}'


def list_hash(message: bytes) -> str:
    """What devices tell in their status: SHA-256 over the bytes before the signature."""
    return hashlib.sha256(message[:-SIGNATURE_END_BYTES]).hexdigest()


def signed_list(number: int, keys: Iterable[PassKey], list_key: RSAPrivateKey) -> bytes:
    """The key list with the serial ``number``; ValueError when it is larger than a device takes."""
    entries = [
        key.told() | {"n": base64.b64encode(key.modulus).decode()}
        for key in sorted(keys, key=lambda key: (key.product, key.first, key.choice, key.id))
    ]
    message = _signed(_compact({"v": 1, "serial": number, "keys": entries}), KEYS_CONTEXT, list_key)
    if len(entries) > MAX_KEYS or len(message) > MAX_LIST_BYTES:
        raise ValueError(f"a key list of {len(entries)} keys and {len(message)} bytes is more than a device takes")
    return message


def read_list(message: bytes, list_key: RSAPrivateKey) -> tuple[int, list[PassKey]]:
    """Serial and keys of a list that ``list_key`` has signed; ValueError when it has not."""
    before, end = message[:-SIGNATURE_END_BYTES], message[-SIGNATURE_END_BYTES:]
    try:
        signature = base64.b64decode(end[8:-2], validate=True)
        list_key.public_key().verify(
            signature, KEYS_CONTEXT + b"\0" + before, PSS(MGF1(SHA384()), _SALT_BYTES), SHA384()
        )
    except (InvalidSignature, ValueError):
        raise ValueError("the key list was not signed by this list key") from None
    value = json.loads(before + b"}")
    keys = [
        PassKey(
            *(one["id"], one["product"], one["choice"], one["notice"], one["from"], one["sold_to"], one["to"]),
            base64.b64decode(one["n"]),
        )
        for one in value["keys"]
    ]
    return int(value["serial"]), keys


def signed_page(page: int, nullifiers: Iterable[bytes], list_key: RSAPrivateKey) -> bytes:
    """A page of the spent set from nullifiers of 16 bytes; ValueError above 256 entries."""
    entries = sorted(nullifier[:8].hex() for nullifier in nullifiers)
    if len(entries) > PAGE_ENTRIES:
        raise ValueError(f"a page of the spent set has at most {PAGE_ENTRIES} entries, not {len(entries)}")
    return _signed(_compact({"v": 1, "page": page, "spent": entries}), SPENT_CONTEXT, list_key)
