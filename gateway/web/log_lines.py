"""What browsers can bring into the gateway's log is bounded, and never looks like a line of somebody else's.

Rules: NiceGUI logs what a page's script tells it, and every event that it can't read makes a traceback. So a line stays
one line, a traceback is indented and keeps its end, both are short, and each logger has one of each a second (lines
keep no traceback out); how many were left out stands in the next one. What the gateway itself has to say goes through
its own loggers, not by here.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import Final

LINE_MAX: Final = 300
TRACE_LINES_MAX: Final = 16
EVERY_S: Final = 1.0
LOGGERS: Final = ("nicegui", "asyncio", "engineio.server", "socketio.server")
"""Whoever logs what a socket brought; an event's failure reaches asyncio as that of a task."""


def one_line(text: str) -> str:
    """``text`` without anything that a terminal or a reader could take for more than text, and not too long."""
    cut = text if len(text) <= LINE_MAX else text[:LINE_MAX] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cut
    )


class Bounded(logging.Filter):
    """Lets one line and one traceback through in EVERY_S, made harmless."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        # By whether there is a traceback.
        self._last: dict[bool, float] = {}
        self._left_out = {False: 0, True: 0}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is logged; it is changed."""
        now, kind = self._now(), bool(record.exc_info)
        if kind in self._last and now - self._last[kind] < EVERY_S:
            self._left_out[kind] += 1
            return False
        self._last[kind] = now
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        message = one_line(message)
        if self._left_out[kind]:
            message += f" ({self._left_out[kind]} more were left out)"
        self._left_out[kind] = 0
        record.msg, record.args = message, None
        if record.exc_info:
            # A formatter takes what stands here instead of making it.
            lines = "".join(traceback.format_exception(*record.exc_info)).splitlines()[-TRACE_LINES_MAX:]
            record.exc_text = "\n".join("    " + one_line(line) for line in lines)
        return True


def install() -> None:
    """The bounds on all LOGGERS."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(Bounded())
