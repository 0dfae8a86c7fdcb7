"""When to say `stored`: at most a few times a second per device, and a last time always.

Pure logic: ``now_ms`` is an argument (milliseconds of any monotonic clock). Sealing and sending are the pipeline's.
"""

from __future__ import annotations

from typing import Final

INTERVAL_MS: Final = 250
BOOTS_PENDING: Final = 16


class Replies:
    """Collects watermarks and hands them out when they are due."""

    def __init__(self, interval_ms: int = INTERVAL_MS) -> None:
        self._interval_ms = interval_ms
        self._pending: dict[str, dict[int, int]] = {}
        self._next_ms: dict[str, int] = {}

    def note(self, device: str, boot: int, watermark: int) -> None:
        """The device is to hear ``watermark`` of ``boot``; an earlier one that was not said yet is replaced."""
        boots = self._pending.setdefault(device, {})
        boots[boot] = watermark
        if len(boots) > BOOTS_PENDING:
            # The oldest is told again as soon as the device sends anything of it.
            del boots[min(boots)]

    def due(self, now_ms: int) -> list[tuple[str, int, int]]:
        """What is to be said now: (device, boot, watermark). It counts as said."""
        said: list[tuple[str, int, int]] = []
        for device in [one for one in self._pending if self._next_ms.get(one, now_ms) <= now_ms]:
            said += [(device, boot, watermark) for boot, watermark in sorted(self._pending.pop(device).items())]
            self._next_ms[device] = now_ms + self._interval_ms
        return said

    def next_deadline_ms(self) -> int | None:
        """When :meth:`due` has something to say next; None when nothing is pending."""
        return min((self._next_ms.get(device, 0) for device in self._pending), default=None)
