"""Cursors: where a page ended, as an opaque word.

Rule: a cursor holds only what the page has shown anyway; a wrong one is the client's mistake (422), never ours.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from gateway.protocol.records import MAX_INTEGER
from gateway.store.queries import Position

MAX_CURSOR = 200


def encode_cursor(position: Position) -> str:
    """The word for ``position``."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(position))).decode().rstrip("=")


def decode_cursor(text: str) -> Position:
    """The position of a cursor; ValueError when it is not one of ours."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        at, device, boot, seq = msgspec.json.decode(raw, type=tuple[int, str, int, int])
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise ValueError("not a cursor of this API") from None
    if not all(0 <= number <= MAX_INTEGER for number in (at, boot, seq)):
        raise ValueError("not a cursor of this API")
    return Position(at, device, boot, seq)
