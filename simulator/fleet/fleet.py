"""The fleet: all devices on one paced loop, from the first connection to the last confirmed record.

In this order: the first device boots alone, so that a broker that is not there or refuses is told at once; the others
follow, a few each hundredth of a second, because a broker takes connections one by one; when all have been connected,
riders come and faults begin; at the end the faults are mended, the riders go, the last intervals close, and everything
is to be confirmed within the grace.

Lateness: a loop that is LATE_MAX_MS behind ends the run (TooLate). Below it no device acts otherwise than it would on
time: the firmware's shortest patience with its network is the 2,000 ms after which the link tries again. Beyond it,
devices would do at a wrong time what the broker is to see, and the figures would be of a load that never was.

Does not belong here: files of settings (settings.py), the terminal (view.py), the command (commands.py).
"""

import hashlib
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from simulator.clock import Scheduler, rng
from simulator.errors import UserError
from simulator.fleet.device import CLOCK_OFF_MS, Counts, FleetDevice
from simulator.fleet.network import look_up
from simulator.fleet.summary import Summary
from simulator.pacing import PacedLoop, Source
from simulator.plant import faults
from simulator.truth import TruthLog
from simulator.world.counts import HOURS, HourlyProfile
from simulator.world.demand import Demand
from simulator.world.population import plain_population
from simulator.world.station import Station

T = TypeVar("T")

LATE_MAX_MS = 1_000
BOOT_MS = 5  # between one device's boot and the next one's
SPARE_FILES = 64  # beside a socket for each device: the loop's own, storage, the terminal
FIRST_CONTACT_S = 10.0
CONNECT_S = 30.0  # after the last boot
POLL_S = 0.1
_TRUTH_KEPT = 64
_CALL_S = 600.0  # a loop that may be late as it likes is late at answering, too
_OVER_INTERVAL_MS = 2 * CLOCK_OFF_MS


@dataclass(frozen=True)
class Load:
    """What the devices live through. `rate` is riders a minute and device; cuts are means per hour and device."""

    rate: float = 12.0
    consent: float = 0.55
    seed: int = 7
    network_cuts: float = 0.0
    network_cut_s: float = 5.0
    power_cuts: float = 0.0
    power_cut_s: float = 2.0

    def faults(self) -> faults.Faults:
        """The rates as a fault plan has them."""
        planned = (
            (faults.NETWORK_CUT, self.network_cuts, self.network_cut_s),
            (faults.POWER_CUT, self.power_cuts, self.power_cut_s),
        )
        return faults.Faults(
            rates=tuple(
                faults.Rate(what, 1.0 / per_hour, mean_s / 60) for what, per_hour, mean_s in planned if per_hour
            )
        )


@dataclass(frozen=True)
class Look:
    """The fleet as a terminal shows it."""

    devices: int
    connected: int
    riders: int
    counts: Counts
    faults: dict[str, int]
    late_ms: int


def raise_file_limit(devices: int) -> None:
    """Let this process have so many sockets; UserError when the system won't."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = devices + SPARE_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise UserError(
            f"A fleet of {devices} devices needs {needed} open files, and this user may have {hard} in a process: ask "
            f"for at most {hard - SPARE_FILES} devices, or raise the hard limit (ulimit -Hn, limits.conf)."
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))


def storage_folder(data: Path, settings: dict[str, Any]) -> Path:
    """Where a device's storage lies. The key is part of the name: what was noted under one key is no other's to tell,
    and a device of that name at another gateway is another device."""
    mark = hashlib.sha256(bytes.fromhex(settings["key"])).hexdigest()[:8]
    return data / "devices" / f"{settings['device']}-{mark}"


def rss_bytes() -> int:
    """This process's memory now; where the system won't say, the most it has had."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Fleet:
    """`start`, `ride`, then `finish`; `close` in any case. `check` raises what ended the loop.

    `settings` as parse_fleet gives them, all with one broker address; `data` holds the devices' storage. `truth` gets
    every rider's outcome as JSON lines. Raises UserError (TooLate among them) and OSError.
    """

    def __init__(
        self,
        settings: list[dict[str, Any]],
        data: Path,
        load: Load,
        *,
        truth: Path | None = None,
        late_max_ms: int | None = LATE_MAX_MS,
    ) -> None:
        raise_file_limit(len(settings))
        self.load = load
        self._started_s = time.monotonic()
        self._epoch_start_ms = int(time.time() * 1000)
        self._endpoints = {
            where: look_up(*where) for where in {(one["broker"]["host"], one["broker"]["port"]) for one in settings}
        }
        self._where = ", ".join(f"{host}:{port}" for host, port in sorted(self._endpoints))
        self._intervals_ms = {one["report"]["interval_ms"] for one in settings}
        self._connected = 0
        self._connected_max = 0
        self._ever_connected = 0
        self._faults: dict[str, int] = {faults.NETWORK_CUT: 0, faults.POWER_CUT: 0}
        self._station: Station | None = None
        self.scheduler = Scheduler()
        self._truth_path = truth
        self.truth = TruthLog(truth, self.epoch_of, _day_start_ms(settings, truth), _TRUTH_KEPT)
        self.loop = PacedLoop(self.scheduler, late_max_ms=late_max_ms)
        self._rss_before = rss_bytes()
        self._rss_per_device = 0
        self._ride_from = (time.monotonic(), time.process_time())
        self._cpu_share = 0.0
        (data / "devices").mkdir(parents=True, exist_ok=True, mode=0o700)
        self.devices = [
            FleetDevice(
                self.scheduler,
                one,
                self.epoch_of,
                self._endpoints[one["broker"]["host"], one["broker"]["port"]],
                storage_folder(data, one),
                load.seed,
                self,
            )
            for one in settings
        ]

    def epoch_of(self, t_ms: int) -> int:
        """Epoch ms of a virtual time."""
        return self._epoch_start_ms + t_ms

    # -- what devices tell

    def touch(self, source: Source) -> None:
        self.loop.touch(source)

    def link_changed(self, connected: bool) -> None:
        self._connected += 1 if connected else -1
        self._connected_max = max(self._connected_max, self._connected)

    def faulted(self, what: str) -> None:
        self._faults[what] += 1

    # -- the run

    def start(self, waiting: Callable[[], bool]) -> None:
        """Boot and connect all devices. `waiting` is called again and again meanwhile; False ends it early."""
        first = self.devices[0]
        self.scheduler.after(0, first.power_on)
        self.loop.start()
        if not self._wait(waiting, lambda: first.connects > 0, FIRST_CONTACT_S):
            raise UserError(self._no_contact(first))

        def boot_others() -> None:
            for n, device in enumerate(self.devices[1:]):
                self.scheduler.after(n * BOOT_MS, device.power_on)

        self._call(boot_others)
        patience_s = len(self.devices) * BOOT_MS / 1000 + CONNECT_S
        if not self._wait(waiting, lambda: all(device.connects for device in self.devices), patience_s):
            self._say_who_is_missing()

    def _wait(self, waiting: Callable[[], bool], done: Callable[[], bool], patience_s: float) -> bool:
        """True when `done`, or when somebody wants it to end; False after so long."""
        until_s = time.monotonic() + patience_s
        while waiting() and not self._call(done):
            if time.monotonic() > until_s:
                return False
            time.sleep(POLL_S)
        return True

    def _no_contact(self, device: FleetDevice) -> str:
        if device.refused:
            return (
                f"The broker at {self._where} refuses {device.name} ({device.last_error}). Is it the broker that these "
                "settings were made for, and does it know its new devices?"
            )
        why = f"; the last try: {device.last_error}" if device.last_error is not None else ""
        return (
            f"{device.name} could not connect to the broker at {self._where} within {FIRST_CONTACT_S:.0f} s{why}. "
            "Start the broker, or name another with --broker; a broker that only hangs up may not know the device."
        )

    def _say_who_is_missing(self) -> None:
        missing = [device for device in self.devices if not device.connects]
        if not missing:
            return
        first = missing[0]
        raise UserError(
            f"{len(missing)} of {len(self.devices)} devices could not connect to the broker at {self._where}, the "
            f"first of them {first.name} ({first.last_error or 'no answer'}). Does the broker know them all, and does "
            "it take so many connections?"
        )

    def ride(self) -> None:
        """From now on riders come, and faults."""
        self._ride_from = (time.monotonic(), time.process_time())
        self._call(self._ride)

    def _ride(self) -> None:
        flat = (self.load.rate * 60,) * HOURS
        demand = Demand(HourlyProfile("fleet", "", flat, flat))
        self._station = Station(
            self.scheduler,
            [device.plant for device in self.devices],
            None,
            self.load.seed,
            self.truth,
            population=replace(plain_population(), consent=self.load.consent),
            own_demand={device.name: demand for device in self.devices},
        )
        planned = self.load.faults()
        for device in self.devices:
            # Generators of the device's own: adding one device changes nothing for the others.
            def generator(*names: str | int, name: str = device.name) -> Any:
                return rng(self.load.seed, "fleet", name, *names)

            faults.plan(self.scheduler, planned, device, 0, generator)

    def _call(self, fn: Callable[[], T]) -> T:
        return self.loop.call(fn, _CALL_S)

    def check(self) -> None:
        """Raise what ended the loop, if anything did."""
        self.loop.check()

    def look(self) -> Look:
        """How it goes, now."""
        return self._call(self._look)

    def _look(self) -> Look:
        riders = 0 if self._station is None else self._station.riders_sent
        return Look(len(self.devices), self._connected, riders, self._count(), dict(self._faults), self.loop.late_ms)

    def _count(self) -> Counts:
        counts = Counts()
        for device in self.devices:
            device.count(counts)
        return counts

    def finish(self, grace_s: float, waiting: Callable[[], bool]) -> Summary:
        """No new riders, no more faults; wait until all have gone and everything is confirmed, at most `grace_s`."""
        # While riders still walk: what a device costs when it is at work.
        self._rss_per_device = max(0, rss_bytes() - self._rss_before) // len(self.devices)
        from_s, from_cpu_s = self._ride_from
        self._cpu_share = (time.process_time() - from_cpu_s) / max(0.001, time.monotonic() - from_s)

        def end() -> None:
            for device in self.devices:
                device.end_faults()
            if self._station is not None:
                self._station.stop_arrivals()

        self._call(end)
        until_s = time.monotonic() + grace_s
        station = self._station
        if station is not None:
            self._wait(waiting, station.idle, grace_s)
        closed_ms = self._call(self._all_closed_at)

        def done() -> bool:
            return self.scheduler.now_ms >= closed_ms and not self._count().unconfirmed

        self._wait(waiting, done, until_s - time.monotonic())
        return self._call(self._summary)

    def _all_closed_at(self) -> int:
        """When every interval that is short enough to wait for has ended, in virtual ms; the tallies close with it."""
        epoch_ms = self.epoch_of(self.scheduler.now_ms)
        waits = [ms - epoch_ms % ms for ms in self._intervals_ms if ms <= 60_000]
        return self.scheduler.now_ms + max(waits, default=0) + _OVER_INTERVAL_MS

    def _summary(self) -> Summary:
        counts, truth = self._count(), self.truth.counts()
        riders = 0 if self._station is None else self._station.riders_sent
        return Summary(
            devices=len(self.devices),
            connected=self._connected_max,
            riders=riders,
            stranded=riders - sum(truth.values()),
            turned_away=0 if self._station is None else self._station.turned_away,
            truth=truth,
            records=counts.records,
            confirmed=counts.confirmed,
            unconfirmed=counts.unconfirmed,
            resends=counts.resends,
            folded=counts.folded,
            dropped=counts.dropped,
            reconnects=counts.connects - sum(1 for device in self.devices if device.connects),
            faults=dict(self._faults),
            late_ms=self.loop.late_ms,
            rss_bytes_per_device=self._rss_per_device,
            cpu_share=round(self._cpu_share, 3),
            seed=self.load.seed,
            wall_s=round(time.monotonic() - self._started_s, 1),
        )

    def close(self) -> None:
        """End time, then the devices, cleanly. Raises what ended the loop, if `check` did not."""
        try:
            self.loop.stop()
        finally:
            for device in self.devices:
                device.close()
            self.truth.close()
            if self._station is None and self._truth_path is not None:
                self._truth_path.unlink(missing_ok=True)  # nobody came, so there is nothing to tell


def _day_start_ms(settings: list[dict[str, Any]], truth: Path | None) -> int:
    """The service day in which the truth's handles are; one log can't tell of two."""
    starts = {one["report"].get("day_start_ms", 0) for one in settings}
    if truth is not None and len(starts) > 1:
        raise UserError("These devices' service days begin at different times: --truth can tell of one only.")
    return int(min(starts))
