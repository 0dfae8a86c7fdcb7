"""Intake: from a raw message to an authentic batch, or to the reason why not.

Pure logic, in the order of docs/protocol.md: size, topic, device, seal, form. Nothing is parsed before its size and
its seal have been checked. Sequence and privacy rules follow in gateway/admission.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from gateway.devices.registry import Device, Registry
from gateway.protocol import records, topics
from gateway.protocol.refusal import Reason, Refused
from gateway.protocol.seal import unseal

UNSEALED: Final = frozenset({Reason.OVERSIZED, Reason.BAD_SEAL})
"""Reasons to refuse a message of a known device before its seal has proved who sent it."""


class Authentic(NamedTuple):
    """A batch whose seal is that of ``device``; ``size`` is the message's, in bytes."""

    device: Device
    batch: records.Batch
    size: int


def read_event(
    topic: str, payload: bytes, registry: Registry, now_ms: int
) -> tuple[Device | None, Authentic | Refused]:
    """Decode and authenticate one message of the ``event`` channel.

    The device is returned beside a refusal when it is known, so that the quarantine can name it.
    """
    device: Device | None = None
    try:
        parsed = topics.parse(topic)
        device = registry.find(parsed.site, parsed.device, now_ms)
        if len(payload) > records.MAX_EVENT_BYTES:
            raise Refused(Reason.OVERSIZED)
        body = unseal(device.key, topic, payload)
        return device, Authentic(device, records.decode_batch(body), len(payload))
    except Refused as refused:
        return device, refused


class Quarantine:
    """Counts refused messages by reason and device until the store takes them.

    Bounded whatever comes: only provisioned devices are named, all others share one empty name.
    """

    def __init__(self) -> None:
        self._count: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[tuple[str, str]] = Counter()

    def __bool__(self) -> bool:
        return bool(self._count)

    def add(self, reason: Reason, device: Device | None, size: int) -> None:
        """Count one message of ``size`` bytes."""
        key = (reason.value, "" if device is None else device.sender.device)
        self._count[key] += 1
        self._bytes[key] += size

    def merge(self, other: Quarantine) -> None:
        """Add what another one has counted."""
        self._count.update(other._count)
        self._bytes.update(other._bytes)

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(reason, device) -> (messages, bytes)."""
        return {key: (count, self._bytes[key]) for key, count in self._count.items()}
