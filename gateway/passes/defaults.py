"""Defaults of the options about passes, where the command line finds them without loading what they command."""

from __future__ import annotations

from typing import Final

DEFAULT_QUOTA: Final = 2_000
"""Signatures that a kiosk may have on one service day: one every 43 seconds, day and night."""
SPENT_INTERVAL_S: Final = 60.0
"""How often used passes are published, in seconds."""
