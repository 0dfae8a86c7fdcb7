"""The registry: a snapshot of sites and devices in memory, read again when an unknown name appears.

Rule: a flood of unknown names reads the database at most once per ``RELOAD_MS``, and keeps none of the names. ``now``
is an argument (milliseconds of any monotonic clock). Writing belongs to provisioning.py.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from gateway.admission.rules import Sender
from gateway.protocol.refusal import Reason, Refused
from gateway.store.database import StoreBusy
from gateway.store.directory import DeviceRow, Directory

RELOAD_MS: Final = 1_000
SIMULATOR: Final = "simulator"


@dataclass(frozen=True, slots=True)
class Device:
    """A provisioned device with the key that seals its messages."""

    sender: Sender
    key: bytes


class Registry:
    """Looks devices up by the names in a topic; safe to use from several threads."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._devices: dict[tuple[str, str], Device] = {}
        self._simulators: dict[str, bytes] = {}
        self._rows: list[DeviceRow] = []
        self._next_reload_ms: int | None = None

    def load(self) -> None:
        """Read everything anew; StoreBusy while the database cannot be read."""
        sites = self._directory.sites()
        rows = self._directory.devices()
        devices: dict[tuple[str, str], Device] = {}
        simulators: dict[str, bytes] = {}
        for row in rows:
            site = sites[row.site]
            if row.role == SIMULATOR:
                simulators[row.site] = row.key
            else:
                sender = Sender(row.site, row.device, site.site_class, site.day_start_ms, row.kind)
                devices[row.site, row.device] = Device(sender, row.key)
        with self._lock:
            self._devices, self._simulators, self._rows = devices, simulators, rows

    def find(self, site: str, device: str, now_ms: int) -> Device:
        """The device; :class:`Refused` (unknown_device) when there is none."""
        found = self._devices.get((site, device))
        if found is None:
            self._reload(now_ms)
            found = self._devices.get((site, device))
        if found is None:
            raise Refused(Reason.UNKNOWN_DEVICE)
        return found

    def simulator_key(self, site: str, now_ms: int) -> bytes:
        """The key of the site's simulator; :class:`Refused` (unknown_device) when it has none."""
        if site not in self._simulators:
            self._reload(now_ms)
        key = self._simulators.get(site)
        if key is None:
            raise Refused(Reason.UNKNOWN_DEVICE)
        return key

    def devices(self) -> list[Device]:
        """All devices of the snapshot, in order of site and name."""
        with self._lock:
            return list(self._devices.values())

    def by_name(self, device: str) -> Device | None:
        """A device by its name alone, which is unique over all sites."""
        return next((one for one in self.devices() if one.sender.device == device), None)

    def credentials(self) -> dict[str, str]:
        """Broker user -> password, for every device and simulator of the snapshot."""
        with self._lock:
            return {broker_user(row.site, row.device): row.broker_password for row in self._rows}

    def _reload(self, now_ms: int) -> None:
        with self._lock:
            if self._next_reload_ms is not None and now_ms < self._next_reload_ms:
                return
            self._next_reload_ms = now_ms + RELOAD_MS
        try:
            self.load()
        except StoreBusy:
            # The old snapshot holds; the sender comes again, and so does the next reload.
            return


def broker_user(site: str, device: str) -> str:
    """The name under which a device logs in at the broker."""
    return f"{site}/{device}"
