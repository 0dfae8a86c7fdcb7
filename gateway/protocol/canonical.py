"""The one form in which a message is accepted: canonical JSON (docs/protocol.md), decoded strictly.

Rules: what is accepted is exactly what encoding it again gives, which refuses white space, other orders, duplicate
members, fractions and escapes in one comparison. What a message holds does not belong here; see records.py and
scenes.py.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from gateway.protocol.refusal import Reason, Refused

T = TypeVar("T", bound=Struct)
_VERSION: Final = re.compile(rb'\{"v":(0|[1-9][0-9]{0,15})[,}]')
_encoder = msgspec.json.Encoder()


def encode(message: Struct) -> bytes:
    """The canonical body of a message, without its seal."""
    return _encoder.encode(message)


def require_version(body: bytes) -> None:
    """:class:`Refused` (malformed, unknown_version) unless the body begins with version 1."""
    version = _VERSION.match(body)
    if version is None:
        raise Refused(Reason.MALFORMED)
    if version[1] != b"1":
        raise Refused(Reason.UNKNOWN_VERSION)


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The body as the decoder's type; :class:`Refused` (malformed) for any other form."""
    try:
        value = decoder.decode(body)
    # RecursionError: deep nesting is the sender's doing, so it is theirs to be refused for.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Reason.MALFORMED) from None
    if encode(value) != body:
        raise Refused(Reason.MALFORMED)
    return value
