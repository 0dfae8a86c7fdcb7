"""Gathers what the page of devices shows: from the live state and, in a few queries for all devices, from the store.

Rules: what the database says may be a moment old while it can't be read; what is live never is, so a device that falls
silent shows also while the database is locked. Nothing is decided here (device_rows.py does).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.devices.registry import Device
from gateway.service import Service
from gateway.store.database import StoreBusy
from gateway.store.figures import Figures
from gateway.web.device_rows import Facts, Snapshot, Watch

PARTS: Final = ("boot", "fault", "recovered")
ALARM: Final = ("boot", "fire_on", "fire_off")


@dataclass(slots=True)
class _Stored:
    """What the database said last."""

    boots: dict[str, tuple[int, int]] = field(default_factory=dict)
    gaps: dict[str, dict[str, int]] = field(default_factory=dict)
    quarantine: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    alarm: dict[str, str] = field(default_factory=dict)


class Gatherer:
    """Makes the snapshots of one gateway; call it from one thread at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._figures = Figures(service.database)
        self._stored = _Stored()
        self._watch = Watch()

    def __call__(self) -> Snapshot:
        """All devices now."""
        # While the database is locked, what it said last stands, and the live state is fresh all the same.
        with suppress(StoreBusy):
            self._stored = self._read()
        service, now_ms = self._service, self._service.now_ms()
        facts = [self._facts(device, now_ms) for device in service.registry.devices()]
        unknown = self._stored.quarantine.get("", {})
        return self._watch.look(now_ms, facts, service.pipeline.state.value, unknown)

    def _read(self) -> _Stored:
        quarantine: dict[str, dict[str, tuple[int, int]]] = {}
        for row in self._service.queries.quarantined():
            quarantine.setdefault(row["device"], {})[row["reason"]] = (row["count"], row["bytes"])
        return _Stored(
            {device: (boot, watermark) for device, boot, watermark in self._service.queries.latest_boots()},
            self._figures.gap_counts(),
            quarantine,
            self._figures.last_words(PARTS),
            self._figures.last_words(ALARM),
        )

    def _facts(self, device: Device, now_ms: int) -> Facts:
        sender, stored = device.sender, self._stored
        name = sender.device
        boot, watermark = stored.boots.get(name, (None, None))
        facts = Facts(
            sender.site,
            name,
            sender.site_class,
            sender.kind,
            boot=boot,
            watermark=watermark,
            keys=self._service.office.agreement.of(name),
            faulty=stored.parts.get(name) == "fault",
            fire=stored.alarm.get(name) == "fire_on",
            gaps=stored.gaps.get(name, {}),
            quarantine=stored.quarantine.get(name, {}),
        )
        live = self._service.live
        lane = live.lane(name)
        if lane is None:
            return facts
        health, silent_since_ms = lane.health, live.silent_since_ms(name, now_ms)
        if not self._service.consumer.connected and lane.link != "lost":
            silent_since_ms = None  # the gateway itself hears nobody: that is held against no device
        return replace(
            facts,
            # Anybody can say `lost` of a device; its own sealed word after that says that it is there.
            link="online" if lane.link == "lost" and silent_since_ms is None else lane.link,
            silent_since_ms=silent_since_ms,
            firmware=lane.firmware,
            # Its own word is newer than its first record of that boot.
            boot=max((one for one in (boot, lane.boot) if one is not None), default=None),
            outbox=None if health is None else health.outbox,
            worst_tick_ms=None if health is None else health.worst_tick_ms,
            heap_free=None if health is None else health.heap_free,
            blocked=None if lane.blocked is None else lane.blocked.value,
            refused=lane.refused,
            standing=live.blocked(name, now_ms),
        )
