"""What whoever holds a pass can read from it, by the keys that the network publishes.

The list comes from the log of the broker's messages, and is checked by the firmware's own code under the network's list
key. Nothing is verified of the pass itself: that is a gate's business. Does not belong here: secrets; nobody here has
any.
"""

import time
from typing import Any

from firmware.config import Settings
from firmware.fare.keylist import KeyList
from simulator.broker_log import BrokerLog
from simulator.devices.in_process import MemoryStorage
from simulator.gateline_page import Reading, pass_bytes
from simulator.truth import DAY_MS, handle_of


class Published:
    """Reads passes; `settings` are those of any device of the network, `log` hears what is published."""

    def __init__(self, settings: dict[str, Any], log: BrokerLog) -> None:
        self._log = log
        checked = Settings(settings)
        self._day_start_ms: int = checked.day_start_ms
        self._keys = KeyList(MemoryStorage(), checked.list_key)

    def read(self, medium: bytes) -> Reading | None:
        """A `Read` of the gateline page."""
        if self._log.keys is not None:
            self._keys.accept(self._log.keys)
        found = pass_bytes(medium)
        key = None if found is None else self._keys.find(found[1:9])
        if found is None or key is None:
            return None
        consent = key.choice == "research"
        says = (
            f"A {key.product} pass for the service days {key.first} to {key.to} (days since 1970). Its passages "
            f"{'may' if consent else 'may not'} be recorded (notice {key.notice}). Its key {key.id.hex()} is shared by "
            "everybody who bought the same and chose alike."
        )
        if consent:
            day = (int(time.time() * 1000) - self._day_start_ms) // DAY_MS
            says += f" A passage of today is stored under the handle {handle_of(found[9:41], day)}."
        return Reading(found[9:41], key.product, consent, says)
