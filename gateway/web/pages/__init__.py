"""The pages, each a module with a `register` that tells NiceGUI of it."""

from collections.abc import Callable
from typing import Final

from gateway.web.pages import device, devices, lane, overview, privacy, replay, results, start

REGISTER: Final[tuple[Callable[[], None], ...]] = (
    overview.register,
    lane.register,
    start.register,
    devices.register,
    device.register,
    privacy.register,
    replay.register,
    results.register,
)
"""What makes every page known."""
