"""Cursors: where a page ended, as an opaque word.

Rule: a cursor holds only what the page has shown anyway; a wrong one is the client's mistake (422), never ours.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple, TypeVar

import msgspec

from gateway.protocol.records import MAX_INTEGER
from gateway.store.queries import GapKey, Position

MAX_CURSOR = 200


class SiteKey(NamedTuple):
    """Where a page of sites ended."""

    site: str


class DeviceKey(NamedTuple):
    """Where a page of devices ended."""

    site: str
    device: str


Key = Position | GapKey | SiteKey | DeviceKey
K = TypeVar("K", Position, GapKey, SiteKey, DeviceKey)


def encode_cursor(key: Key) -> str:
    """The word for ``key``."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(key))).decode().rstrip("=")


def decode_cursor(text: str, form: type[K]) -> K:
    """The key of a cursor of the given form; ValueError when it is not one of ours."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        key = msgspec.json.decode(raw, type=form)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise ValueError("not a cursor of this API") from None
    parts: tuple[int | str, ...] = tuple(key)
    if not all(0 <= part <= MAX_INTEGER for part in parts if isinstance(part, int)):
        raise ValueError("not a cursor of this API")
    return key
