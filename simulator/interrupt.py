"""Ctrl-C as a wish: the first asks for an end, the second for one at once."""

import signal
import time
from types import FrameType

_SAME_WISH_S = 0.3


class Interrupt:
    """Counts Ctrl-C and SIGTERM; the second raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0
        self._last_s = -_SAME_WISH_S
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._caught)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        # A shell or `timeout` may signal both the process and its group: that is one wish, not two.
        now_s = time.monotonic()
        again = now_s - self._last_s > _SAME_WISH_S
        self._last_s = now_s
        if again:
            self.count += 1
            if self.count > 1:
                raise KeyboardInterrupt
