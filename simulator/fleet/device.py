"""One device of a fleet: a lane's plant, the real firmware with its real link, the wire to the broker, and counts.

Rules: faults reach the parts that really have them (the wire, the power), never a flag; what is counted is read from
the firmware's own outbox and delivery. Everything happens in the loop's thread.

Does not belong here: riders, when faults come, when devices boot (fleet.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from firmware.link.mqtt import MqttLink
from simulator.clock import Scheduler, rng
from simulator.devices.in_process import InProcessDevice
from simulator.fleet.network import Endpoint, Wire
from simulator.pacing import Source
from simulator.plant import faults
from simulator.plant.lane import LanePlant

# Clocks of boards are never quite right, nor alike; were they, a whole fleet would close its intervals at one moment.
CLOCK_OFF_MS = 500

_BOOTS_FROM_MS, _BOOT_EACH_MS = 1_577_836_800_000, 10_000  # 2020-01-01

# CONNACK codes that no waiting mends: identifier, user or password, rights (MQTT 3.1.1, 3.2.2.3).
_REFUSED_CODES = (2, 4, 5)


@dataclass(slots=True)
class Counts:
    """Sums over devices. Records are counted by sequence number, so one folded into another counts as itself."""

    records: int = 0
    confirmed: int = 0
    resends: int = 0
    folded: int = 0
    dropped: int = 0
    connects: int = 0

    @property
    def unconfirmed(self) -> int:
        """Records that are in a device's outbox."""
        return self.records - self.confirmed


def first_boot(epoch_ms: int) -> int:
    """The number below a new storage's first boot: by the clock, and above any that counting could have reached."""
    return (epoch_ms - _BOOTS_FROM_MS) // _BOOT_EACH_MS


class Owner(Protocol):
    """Who runs the device's loop."""

    def touch(self, source: Source) -> None:
        """What the device watches may have changed."""

    def link_changed(self, connected: bool) -> None:
        """One device more, or less, is connected."""

    def faulted(self, what: str) -> None:
        """A fault has begun."""


class FleetDevice:
    """`settings` as parse_fleet gives them, `folder` for its storage. Dark until `power_on`."""

    __slots__ = (
        "_confirmed",
        "_dropped",
        "_folded",
        "_made",
        "_owner",
        "_resends",
        "_scheduler",
        "connected",
        "connects",
        "device",
        "faults_end",
        "last_error",
        "name",
        "plant",
        "powered",
        "wire",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        settings: dict[str, Any],
        epoch_of: Callable[[int], int],
        endpoint: Endpoint,
        folder: Path,
        seed: int,
        owner: Owner,
    ) -> None:
        self.name: str = settings["device"]
        self.wire = Wire(endpoint)
        self.plant = LanePlant(scheduler, name=self.name, way=settings.get("lane", {}).get("way", "entry"))
        off_ms = rng(seed, "clock", self.name).randint(-CLOCK_OFF_MS, CLOCK_OFF_MS)
        self.device = InProcessDevice(
            scheduler,
            settings,
            self._outputs,
            lambda t_ms: epoch_of(t_ms) + off_ms,
            seed=seed,
            folder=folder,
            link_factory=partial(MqttLink, transport=self.wire.connect),
        )
        self.plant.post = self.device.post
        self.device.handled = self._handled
        storage = self.device.storage
        if storage.read("boot") is None:
            # Boots are numbered upward for ever. Storage that is new, perhaps because somebody removed the old one,
            # must not begin at a number that the gateway has had: its records would be taken for old ones.
            storage.write("boot", str(first_boot(epoch_of(scheduler.now_ms))).encode())
        self.powered = False
        self.connected = False
        self.connects = 0
        self.faults_end = False  # from now on no fault begins
        self.last_error: Any = None
        self._owner = owner
        self._scheduler = scheduler
        self._made: dict[int, tuple[int, int]] = {}  # sequence numbers [first, end) of boots that are not all confirmed
        self._confirmed = self._resends = self._folded = self._dropped = 0  # of boots that are over

    def _outputs(self, t_ms: int, arm: int, lamp: int, sound: int, state: str) -> None:
        self.plant.apply(t_ms, arm, lamp, sound)

    # -- power

    def power_on(self) -> None:
        """Boot the firmware over its storage; it then learns of fire and broken beams."""
        if self.powered:
            return
        self.plant.power(True)
        self.powered = True
        self.device.start()
        self.plant.announce()
        self._note_boots()

    def power_off(self) -> None:
        """No goodbye to anybody, as when a cable is pulled."""
        if not self.powered:
            return
        self._end_boot()
        self.wire.drop()
        self.device.kill()
        self.plant.power(False)
        self.powered = False

    def close(self) -> None:
        """A clean end: the firmware says goodbye to the broker."""
        if self.powered:
            self._end_boot()
            self.device.stop()
            self.powered = False

    # -- faults.Breakable

    def fault(self, what: str, beam: int, on: bool) -> None:
        """A fault begins or ends, now."""
        if on and self.faults_end:
            return
        if on:
            self._owner.faulted(what)
        if what == faults.POWER_CUT:
            if on:
                self.power_off()
            else:
                self.power_on()
        elif what == faults.NETWORK_CUT:
            if on:
                self.wire.cut()
                self.device.wake()  # its client finds the connection gone
            else:
                self.wire.mend()
        else:
            raise ValueError(f"a fleet's faults are power_cut and network_cut, not {what!r}")

    def end_faults(self) -> None:
        """Power and network are there again, and stay."""
        self.faults_end = True
        self.wire.mend()
        self.power_on()

    # -- Source

    def watched(self) -> tuple[Any, int] | None:
        return self.device.poll()

    def ready(self) -> None:
        self.device.wake()

    def _handled(self) -> None:
        gate = self.device.gate
        link = None if gate is None else gate.link
        connected = link is not None and link.is_connected
        if connected != self.connected:
            self.connected = connected
            self.connects += connected
            self._owner.link_changed(connected)
        elif not connected and link is not None and link.last_error is not None:
            self.last_error = link.last_error
        self._owner.touch(self)

    @property
    def refused(self) -> bool:
        """The broker has said that it won't have this device, and has not taken it since."""
        return not self.connected and getattr(self.last_error, "return_code", None) in _REFUSED_CODES

    # -- counting

    def _note_boots(self) -> None:
        """What earlier boots, perhaps of an earlier run, have left in the outbox."""
        gate = self.device.gate
        assert gate is not None
        for boot in gate.outbox.boots():
            if boot not in self._made and boot != gate.boot:
                self._made[boot] = (gate.outbox.watermark(boot), gate.outbox.end(boot))

    def _end_boot(self) -> None:
        gate = self.device.gate
        assert gate is not None
        self._made[gate.boot] = (0, gate.outbox.next_seq)
        self._settle_boots()
        self._resends += gate.delivery.resends
        self._folded += gate.outbox.folded
        self._dropped += gate.outbox.dropped

    def _settle_boots(self) -> None:
        """Boots of which nothing is left in the outbox need no entry any more."""
        gate = self.device.gate
        assert gate is not None
        for boot, (first, end) in list(self._made.items()):
            if gate.outbox.end(boot) is None:
                self._confirmed += end - first
                del self._made[boot]

    def count(self, into: Counts) -> None:
        """Add this device's counts."""
        gate = self.device.gate
        confirmed = self._confirmed
        records = confirmed + sum(end - first for first, end in self._made.values())
        if gate is not None:
            outbox = gate.outbox
            for boot, (first, end) in self._made.items():
                confirmed += (end if outbox.end(boot) is None else max(first, outbox.watermark(boot))) - first
            records += outbox.next_seq
            confirmed += outbox.next_seq if outbox.end(gate.boot) is None else outbox.watermark(gate.boot)
            into.resends += gate.delivery.resends
            into.folded += outbox.folded
            into.dropped += outbox.dropped
        into.records += records
        into.confirmed += confirmed
        into.resends += self._resends
        into.folded += self._folded
        into.dropped += self._dropped
        into.connects += self.connects
