"""Why a kiosk gets no signature: the closed list of docs/passes.md, "Buying"."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """What a kiosk is told, and all that it is told."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    NOT_SOLD = "not_sold"
    QUOTA = "quota"
    SALE_USED = "sale_used"
    KEYS_DIFFER = "keys_differ"
    SPENT = "spent"
