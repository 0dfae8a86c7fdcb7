"""The seal: the last member of every message, HMAC-SHA256 over topic, one zero byte and all bytes before the member.

Rule: comparison is in constant time. Keys are 32 bytes. Nothing here looks into the message.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from gateway.protocol.refusal import Reason, Refused

KEY_BYTES: Final = 32
SEAL_BYTES: Final = 74
_SEAL: Final = re.compile(rb',"mac":"([0-9a-f]{64})"\}')


def _digest(key: bytes, topic: str, before: bytes) -> bytes:
    return hmac.new(key, topic.encode() + b"\0" + before, hashlib.sha256).hexdigest().encode()


def seal(key: bytes, topic: str, body: bytes) -> bytes:
    """Seal ``body``, a JSON object without ``mac``, for ``topic``."""
    before = body[:-1]
    return before + b',"mac":"' + _digest(key, topic, before) + b'"}'


def unseal(key: bytes, topic: str, payload: bytes) -> bytes:
    """The JSON object without its seal; :class:`Refused` (bad_seal) when the seal is absent or does not fit."""
    match = _SEAL.fullmatch(payload[-SEAL_BYTES:])
    if match is None:
        raise Refused(Reason.BAD_SEAL)
    before = payload[:-SEAL_BYTES]
    if not hmac.compare_digest(match[1], _digest(key, topic, before)):
        raise Refused(Reason.BAD_SEAL)
    return before + b"}"
