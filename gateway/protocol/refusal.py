"""Why a message is refused: the closed list of docs/protocol.md, and the exception that carries it.

Rule: a refusal never carries content, member names or values, so that none of it can reach a log or a table.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reasons of docs/protocol.md, section "What a receiver does with the rest"."""

    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_DEVICE = "unknown_device"
    BAD_SEAL = "bad_seal"
    WRONG_DEVICE = "wrong_device"
    NOT_ALLOWED = "not_allowed"
    OUT_OF_SEQUENCE = "out_of_sequence"


class Refused(Exception):
    """A message goes to quarantine for ``reason``; there is deliberately no further detail."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
