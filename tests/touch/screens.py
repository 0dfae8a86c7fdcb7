"""One screen of every state, as the kiosk's engine tells it, and a puppet that shows what a test wants."""

import threading
import tomllib
from collections.abc import Mapping
from typing import Any

from firmware.kiosk.touch.nodes import Event
from tests.support import ROOT

PASS_TEXT = "AF" + "Q3MZ7KDWXB" * 47 + "RT2A"
"""476 characters, as a pass has; no gate would take it."""

TICKET: dict[str, Any] = {
    "title": "Single",
    "lines": ["Valid 2026-10-13 to 2026-11-11 (service days)", "Paid: €2.50", "You are only counted."],
    "pass_text": PASS_TEXT,
    "receipt": None,
}

RECEIPT = "Gateline consent receipt\nnotice 2026-1\nresearch: yes"


def notice(language: str = "en") -> dict[str, Any]:
    """The notice that comes with the gateway, as the engine gives it to the screen."""
    value = tomllib.loads((ROOT / "gateway" / "consent" / "shipped" / "2026-1.toml").read_text(encoding="utf-8"))
    filled = {"keep_days": value["keep_days"], "operator": "Linnhafen Transit", "contact": "at the station’s desk"}
    texts = {name: text.format(**filled) for name, text in value[language].items()}
    paragraphs = [text for name, text in texts.items() if name != "title"]
    return {"version": value["version"], "title": texts["title"], "text": "\n\n".join(paragraphs)}


ROWS = [
    {
        "day": 20_739,
        "at": 1_791_900_900_000,
        "way": "entry",
        "product": "day",
        "gate": "gate-1",
        "transit_ms": 1250,
        "site": "linnhafen",
        "kept_until": 1_792_505_700_000,
    },
    {
        "day": 20_739,
        "at": 1_791_922_500_000,
        "way": "exit",
        "product": "day",
        "gate": "gate-4",
        "transit_ms": 1000,
        "site": "linnhafen",
        "kept_until": 1_792_527_300_000,
    },
]


def screens() -> dict[str, dict[str, Any]]:
    """Every state (and both faces of `my_data`), without language and machine."""
    return {
        "out_of_order": {"state": "out_of_order", "why": "owed", "owed": True},
        "start": {"state": "start"},
        "choose": {"state": "choose", "prices": {"single": 250, "day": 700}, "seconds_left": 40},
        "pay": {
            "state": "pay",
            "product": "single",
            "price_cents": 250,
            "paid_cents": 100,
            "missing_cents": 150,
            "seconds_left": 60,
        },
        "ask": {"state": "ask", "notice": notice(), "seconds_left": 60},
        "issue": {"state": "issue"},
        "hand_over": {"state": "hand_over", "choice": "none", "pass_text": PASS_TEXT, "seconds_left": 30},
        "my_data": {"state": "my_data", "rows": None, "seconds_left": 40},
        "my_data, rows": {"state": "my_data", "rows": ROWS, "withdrawable": True, "seconds_left": 40},
        "my_data, waiting": {"state": "my_data", "rows": None, "waiting": True, "seconds_left": 40},
        "my_data, erased": {"state": "my_data", "rows": [], "erased": 2, "withdrawable": True, "seconds_left": 40},
        "my_data, none": {"state": "my_data", "rows": [], "seconds_left": 40},
        "erase": {"state": "erase", "seconds_left": 20},
        "erase, waiting": {"state": "erase", "waiting": True, "seconds_left": 20},
        "withdraw": {"state": "withdraw", "seconds_left": 20},
        "sorry": {"state": "sorry", "why": "unreachable", "seconds_left": 20},
    }


EMPTY_MACHINE: dict[str, Any] = {"coins": [200, 100, 50, 20, 10], "cup_cents": 0, "ticket": None, "present_url": None}


class Puppet:
    """A machine whose screen the test sets; it remembers what was pressed and does nothing about it."""

    def __init__(self, machine: Mapping[str, Any] | None = None) -> None:
        self._lock = threading.Lock()
        self._screen: dict[str, Any] = {"state": "start", "language": "en"}
        self._machine = machine
        self._pressed: list[Event] = []

    def show(self, **screen: Any) -> None:
        """Show this from now on, in English unless it says otherwise."""
        with self._lock:
            self._screen = {"language": "en", **screen}

    def put(self, **parts: Any) -> None:
        """Change parts of the machine around the screen."""
        with self._lock:
            self._machine = {**(self._machine or EMPTY_MACHINE), **parts}

    def screen(self) -> Mapping[str, Any]:
        with self._lock:
            return self._screen if self._machine is None else {**self._screen, "machine": self._machine}

    def press(self, event: Event) -> None:
        with self._lock:
            self._pressed.append(event)

    @property
    def pressed(self) -> list[Event]:
        """Every event since the beginning, in order."""
        with self._lock:
            return list(self._pressed)
