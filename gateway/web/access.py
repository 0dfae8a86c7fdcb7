"""Who may do what on the pages and with the API's controls: the one place where access is decided.

There are no accounts yet. Whoever reaches the pages may look, and may steer what is emulated; nobody may steer a
physical device, and no role will: its class is fixed when its site is made (docs/privacy.md). Accounts and roles come
in here, and nowhere else.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Action(Enum):
    """What somebody may want to do."""

    LOOK = "look"
    STEER = "steer"
    """Send riders, break beams, jam the arm, cut the network, ring the fire alarm: the simulator's world."""


EMULATED: Final = "emulated"


def allowed(action: Action, site_class: str) -> bool:
    """Whether whoever asks may do that at a site of that class."""
    return action is Action.LOOK or site_class == EMULATED
