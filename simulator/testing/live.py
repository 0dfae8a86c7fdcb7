"""A lane in real time before somebody's own broker: the firmware's MQTT link, real sockets, a cable to pull.

The lane runs in a thread (simulator/pacing.py); every verb is done there between two events. The gateway is whoever
listens at that broker: until somebody says `stored`, the device keeps its records and sends them again, as a real one
would.

Rules: whatever is waited for is bounded in real time. Does not belong here: a broker.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from simulator.devices.in_process import InProcessDevice, MemoryStorage
from simulator.pacing import PacedLoop, Source
from simulator.study.spec import LaneSpec, Spec
from simulator.testing.lane import Lane, NotInTime, T
from simulator.testing.link import Cable, CabledLink, Ledger
from simulator.testing.message import Message

CONNECT_S = 10.0
_POLL_S = 0.02
_PORT = 1883

# Boots are numbered by time, in steps of four seconds since 2025, so that they grow from one test run to the next. A
# device's boot number has eight digits (firmware/report/outbox.py).
_BOOTS_SINCE_S, _BOOT_S, _BOOTS_MAX = 1_735_689_600, 4, 99_000_000
_last_boot: dict[tuple[str, str], int] = {}


class LiveLane(Lane):
    """A lane before a real broker, at `speed` times real time. Raises NotInTime when the broker can't be reached.

    Its flash begins empty, but for a boot number above those of earlier tests: a gateway that keeps what it has would
    take records under an old number for duplicates.
    """

    def __init__(self, spec: Spec, lane: LaneSpec, *, speed: int = 1, connect_s: float = CONNECT_S) -> None:
        self._cable, ledger = Cable(), Ledger()
        self._link: CabledLink | None = None
        self._thread_id: int | None = None

        def link(*arguments: Any) -> CabledLink:
            self._link = CabledLink(self._cable, ledger, *arguments)
            return self._link

        storage = MemoryStorage()
        storage.write("boot", str(_boot_before(lane.identity["site"], lane.name)).encode())
        super().__init__(spec, lane, link, storage, ledger)
        self.broker: Mapping[str, Any] = lane.identity["broker"]
        self._source = _Device(self._device)
        self._loop = PacedLoop(self._scheduler, speed)
        self._device.handled = self._touch
        self._loop.begin()
        self._start()
        self._loop.start()
        self._thread_id = self._loop.call(threading.get_ident)
        if not self._pass_until(lambda: self.connected, connect_s):
            trouble = self._do(lambda: self._link.trouble if self._link is not None else "")
            self.close()
            raise NotInTime(
                f"lane {self.name} does not reach the broker at {self.broker['host']}:{self.broker['port']} as user "
                f"{self.broker['user']} within {connect_s:g} s: {trouble}"
            )

    # --- time --------------------------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], T]) -> T:
        if threading.get_ident() == self._thread_id:
            return act()  # within an act: the thread can't wait for itself
        return self._loop.call(act)

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"time runs forward: by 0 s or more, not by {seconds:g} s")
        self._act(_nothing)
        threading.Event().wait(seconds / self._loop.speed)
        self._loop.check()

    def _pass_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        end_s = time.monotonic() + timeout_s
        pause = threading.Event()
        while not self._do(done):
            self._loop.check()
            if time.monotonic() >= end_s:
                return False
            pause.wait(_POLL_S)
        return True

    def close(self) -> None:
        if not self._closed:
            try:
                self._loop.stop()
            finally:
                super().close()
                _last_boot[self.site, self.name] = int(self._storage.read("boot") or 0)

    def _touch(self) -> None:
        """The device may watch another socket now, or wait for something else at it."""
        self._loop.touch(self._source)

    def _power(self, on: bool) -> None:
        super()._power(on)
        self._touch()

    # --- the network -------------------------------------------------------------------------------------------------

    def _network(self, on: bool) -> None:
        self._cable.whole = on
        self._device.wake()

    def _network_is_up(self) -> bool:
        return self._cable.whole

    def _power_fails(self) -> None:
        if self._link is not None:
            self._link.sever()

    @property
    def connected(self) -> bool:
        """Whether the device has a connection to the broker."""
        return self._do(lambda: self._device.gate is not None and self._link is not None and self._link.is_connected)

    @property
    def delivered(self) -> list[Message]:
        return list(self._ledger.acknowledged)


class _Device(Source):
    """What the loop watches."""

    def __init__(self, device: InProcessDevice) -> None:
        self._device = device

    def watched(self) -> tuple[Any, int] | None:
        return self._device.poll()

    def ready(self) -> None:
        self._device.wake()


def _nothing() -> None:
    """Only to be told of a closed lane."""


def _boot_before(site: str, device: str) -> int:
    """What the flash of a new lane says: at least the last boot of the lane before."""
    by_time = int(time.time() - _BOOTS_SINCE_S) // _BOOT_S % _BOOTS_MAX
    return max(by_time, _last_boot.get((site, device), 0))


def broker_of(url: str, site: str, device: str) -> dict[str, Any]:
    """A broker's address as a device's settings have it. ValueError for a URL that the link can't use."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme != "mqtt" or not parts.hostname or port == 0 or parts.path.strip("/") or parts.query:
        raise ValueError(
            f"a broker is given as mqtt://user:password@host:port (plain MQTT; the port is {_PORT} unless given), "
            f"not as {_hidden(url)!r}"
        )
    return {
        "host": parts.hostname,
        "port": port or _PORT,
        # A broker that lets everybody in doesn't look at these; the firmware has no client without them.
        "user": unquote(parts.username or f"{site}/{device}"),
        "password": unquote(parts.password or "none"),
    }


def _hidden(url: str) -> str:
    """The URL without what may be a password."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def settings_of(settings: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    """A device's settings, or those in a file, as `gateline device add` prints them. ValueError for others."""
    if isinstance(settings, str | Path):
        try:
            found = json.loads(Path(settings).read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"the settings {settings} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise ValueError(f"the settings {settings} are not JSON: {error}") from None
    else:
        found = settings
    if not isinstance(found, Mapping) or not {"site", "device", "key"} <= set(found):
        raise ValueError("settings are those of a device (`gateline device add`): site, device, class, key, broker")
    if found.get("class") != "emulated":
        raise ValueError(
            f"these settings are of a {found.get('class')!r} site; the lanes here are emulated devices, and report to "
            "emulated sites only"
        )
    if found.get("lane"):
        raise ValueError('these settings have a "lane" section; leave it out, and say way=, detector=, beams= instead')
    return found
