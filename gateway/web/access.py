"""Who may do what on the pages and with the API's controls: the one place where access is decided.

There are no accounts yet. Whoever reaches the pages may look, and may steer what is emulated; nobody may steer a
physical device, and no role will: its class is fixed when its site is made (docs/privacy.md). Accounts and roles come
in here, and nowhere else. The guard (gateway/api/guard.py) asks before every request and every page's socket whether
whoever asks may look; what riders have a right to, and what kiosks say under their own seal, is never a question of it.

Ask by the module's name (``access.allowed``), so that one decision holds everywhere.
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


NO_SITE: Final = ""
"""The class where no site in particular is meant, as when somebody asks for a page."""
FOR_EVERYBODY: Final = ("/my-data", "/notice", "/inventory", "/v1/my-data", "/v1/notices", "/v1/inventory", "/v1/kiosk")
"""Paths, with what is below them, that nobody can be kept from: riders' own, and the kiosks' sealed questions."""


def allowed(action: Action, site_class: str = NO_SITE) -> bool:
    """Whether whoever asks may do that at a site of that class."""
    return action is Action.LOOK or site_class == EMULATED


def may_see(path: str) -> bool:
    """Whether whoever asks may have an answer from that path at all."""
    if any(path == one or path.startswith(f"{one}/") for one in FOR_EVERYBODY):
        return True
    return allowed(Action.LOOK)
