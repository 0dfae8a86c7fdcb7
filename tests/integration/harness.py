"""A whole station with real processes for the tests that kill things: broker, gateway, MicroPython devices, riders.

`speed` makes riders come faster than real ones; everything else is as in the demo. With `micropython=False` the devices
run in this process, which is lighter: for tests whose subject is elsewhere.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.devices.provisioning import Provisioning
from gateway.embedded import EmbeddedGateway
from gateway.store.database import Database
from gateway.store.directory import Directory
from simulator.devices.process import ProcessDevice
from simulator.live import Lane, LiveStation, distant_day_start_ms
from simulator.reckoning import Reckoning, reckon
from simulator.world.demand import Demand, load_profile
from tests.support import wait_until

INTERVAL_MS = 10_000

# Riders for each lane, of what the demo sends there: room for lanes that a busy machine makes slow.
LOAD = 0.7


class Whole:
    """Start with `start`, kill what you like, end with `settle` and `close`."""

    def __init__(
        self,
        folder: Path,
        lanes: int,
        speed: int,
        seed: int = 7,
        *,
        micropython: bool | None = None,
        runs: Path | None = None,
        physical: str = "",
    ) -> None:
        """`runs`: the folder whose results the gateway shows; `physical`: a gate of a physical site that is known too,
        and says nothing.
        """
        self.backend = EmbeddedGateway(folder / "gateway", runs=runs)
        if physical:
            database = Database(folder / "gateway")
            Provisioning(Directory(database)).add_device("lab", physical, "physical", 0)
            database.close()
        ways = {f"gate-{n + 1}": "entry" if n < lanes // 2 else "exit" for n in range(lanes)}
        self.settings = self.backend.provision("demo", list(ways), distant_day_start_ms(int(time.time() * 1000)))
        host, port = self.backend.start_broker()
        for name, values in self.settings.items():
            values["broker"].update(host=host, port=port)
            if name in ways:
                values["lane"] = {"way": ways[name]}
                # Waiting for confirmation is real time however fast riders walk, so it is stretched by the speed.
                values["report"] |= {"interval_ms": INTERVAL_MS, "tally_min": 1, "resend_ms": 1500 * speed}
        self.url = self.backend.start_gateway()
        self.station = LiveStation(
            self.settings,
            ways,
            Demand(load_profile(), scale=LOAD * lanes / 8),
            folder,
            seed=seed,
            speed=speed,
            micropython=micropython,
        )

    def start(self) -> None:
        self.station.start()

    def close(self) -> None:
        try:
            self.station.close()
        finally:
            self.backend.stop()

    # -- looking

    def facts(self) -> dict[str, Any]:
        return self.backend.facts()

    def reckoning(self, device: str | None = None) -> Reckoning:
        """Truth against table; of one device alone when named.

        What the gates decided is held against it, too: records are the matter here, and a detector that takes a jumper
        for somebody who forces the arm has lost none.
        """
        facts, decided = self.facts(), self.station.decided()
        expected = self.station.loop.call(self.station.truth.expected)
        if device is not None:
            expected = {name: lane for name, lane in expected.items() if name == device}
            facts = {
                **facts,
                "passages": [row for row in facts["passages"] if row[0] == device],
                "tallied": {name: row for name, row in facts["tallied"].items() if name == device},
                "irregular": {key: count for key, count in facts["irregular"].items() if key[0] == device},
            }
            decided = {name: counts for name, counts in decided.items() if name == device}
        return reckon(expected, facts, decided=decided)

    def unconfirmed(self, device: str | None = None) -> int:
        """Records in outbox files above what the gateway has committed, of one device or of all."""
        watermarks = self.facts()["watermarks"]
        return sum(
            self._unconfirmed(name, watermarks) for name in self.station.lanes if device is None or name == device
        )

    def _unconfirmed(self, device: str, watermarks: dict[tuple[str, int], int]) -> int:
        count = 0
        for file in (self.station.folder / "devices" / device).glob("q*-*"):
            if file.suffix:
                continue  # still being written, under a name of its own
            boot, first = (int(part) for part in file.name[1:].split("-"))
            try:
                lines = file.read_bytes().split(b"\n")[:-1]
            except FileNotFoundError:
                continue  # confirmed in this very moment
            at = first
            for line in lines:
                count += at >= watermarks.get((device, boot), 0)
                at += int(line.split(b" ", 1)[0])
        return count

    # -- acting

    def lane(self, name: str) -> Lane:
        return self.station.lanes[name]

    def device_pid(self, name: str) -> int:
        device = self.lane(name).device
        assert isinstance(device, ProcessDevice) and device.pid is not None
        return device.pid

    def pile_up(self, records: int, timeout_s: float = 60.0) -> None:
        """Wait until at least so many records are unconfirmed."""
        wait_until(lambda: self.unconfirmed() >= records, f"{records} records are unconfirmed", timeout_s=timeout_s)

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Nobody else can write to the database meanwhile."""
        connection = sqlite3.connect(
            self.backend.database_path, isolation_level=None, timeout=10, check_same_thread=False
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def empty_the_lanes(self) -> None:
        """No more riders; those who are here go through."""
        self.station.stop_arrivals()
        self._await(self.station.idle, "all riders are through", self.station.outcomes)

    def settle(self) -> None:
        """No more riders; wait until truth and table agree, and say how they differ when they don't."""
        self.empty_the_lanes()
        try:
            self._await(lambda: self.reckoning().lost == 0, "everything is stored", self.reckoning)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.reckoning()}, facts {self.brief()}") from error

    @staticmethod
    def _await(done: Callable[[], bool], what: str, watched: Callable[[], object]) -> None:
        """Wait as long as `watched` changes: a busy machine is slow, and only a standstill is a failure."""
        while not done():
            before = watched()
            wait_until(lambda: done() or watched() != before, what, timeout_s=60, poll_s=0.2)  # noqa: B023

    def brief(self) -> dict[str, Any]:
        return {name: value for name, value in self.facts().items() if name != "passages"}

    def assert_exact(self) -> None:
        """Truth and table agree: nothing lost, invented, doubled or missing in between."""
        reckoning, facts = self.reckoning(), self.facts()
        assert reckoning.lost == 0, (reckoning, self.brief())
        assert reckoning.invented == 0, (reckoning, self.brief())
        # The gates saw what happened, by whatever name; only a device that dies may have decided what nobody heard.
        assert reckoning.misjudged <= self.station.outcomes()["unobserved"], (reckoning, self.brief())
        assert facts["duplicates_stored"] == 0, self.brief()
        assert facts["gaps"] == 0, self.brief()


def sigkill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def pause(seconds: float) -> None:
    """Let real time pass: only where the test's subject is a duration (a lock of ten seconds)."""
    threading.Event().wait(seconds)
