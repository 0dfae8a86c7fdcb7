"""Admission: what of an authentic batch is stored, and what it does to the watermark.

Pure logic: the caller brings the watermark that holds and writes down what is decided. Rules: delivery is go-back-N
(docs/protocol.md, "At the gateway"); one record that its site may not send refuses the whole batch, because a sender
that breaks a privacy rule once is not trusted for the rest (I3). No I/O, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.protocol.records import (
    Batch,
    Consents,
    Daily,
    Irregular,
    Notice,
    Passage,
    Record,
    Sales,
    Spent,
    Tally,
)
from gateway.protocol.refusal import Reason, Refused

SiteClass = Literal["emulated", "physical"]
DeviceKind = Literal["gate", "kiosk"]
DEVICE_KINDS: Final[tuple[DeviceKind, ...]] = ("gate", "kiosk")
SITE_CLASSES: Final[tuple[SiteClass, ...]] = ("emulated", "physical")

RESOLUTION_MS: Final = 900_000
DAY_MS: Final = 86_400_000
TALLY_MIN: Final = 10

_SENT_BY: Final[dict[DeviceKind, tuple[type, ...]]] = {
    "gate": (Passage, Tally, Irregular, Daily, Notice, Spent),
    "kiosk": (Sales, Consents, Notice, Tally),
}
"""What each kind of device may send; a kiosk's tally stands for folded notices only."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The device that sealed a batch. ``day_start_ms``: when its service day begins, after midnight UTC."""

    site: str
    device: str
    site_class: SiteClass
    day_start_ms: int = 0
    kind: DeviceKind = "gate"


@dataclass(frozen=True, slots=True)
class Admitted:
    """One record to store under the identity (device, boot, seq). ``day_start_ms`` as in :class:`Sender`."""

    device: str
    boot: int
    seq: int
    record: Record
    day_start_ms: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a batch.

    ``rows`` to store; ``watermark`` that holds afterwards; ``duplicates`` refused; ``missing`` is the range
    ``[from, to)`` of sequence numbers that a batch beyond the watermark shows to be missing; ``lost`` are ranges that
    the device itself can no longer tell.
    """

    rows: tuple[Admitted, ...]
    watermark: int
    duplicates: int
    missing: tuple[int, int] | None
    lost: tuple[tuple[int, int], ...]


def require_allowed(sender: Sender, record: Record) -> None:
    """:class:`Refused` (not_allowed) when a device of the sender's kind, or its site, may not send this record."""
    if not isinstance(record, _SENT_BY[sender.kind]):
        raise Refused(Reason.NOT_ALLOWED)
    if sender.kind == "kiosk" and isinstance(record, Tally) and record.notices != record.folds:
        raise Refused(Reason.NOT_ALLOWED)
    if sender.site_class == "emulated":
        return
    if isinstance(record, Irregular):
        raise Refused(Reason.NOT_ALLOWED)
    if isinstance(record, Passage | Notice) and record.at % RESOLUTION_MS:
        raise Refused(Reason.NOT_ALLOWED)
    if isinstance(record, Tally | Sales | Consents):
        if record.from_ms % RESOLUTION_MS or record.to_ms % RESOLUTION_MS:
            raise Refused(Reason.NOT_ALLOWED)
        ends_day = (record.to_ms - sender.day_start_ms) % DAY_MS == 0
        # A folded tally stands for what could each be sent: tallies of enough riders, or consented passages.
        if _riders(record) < TALLY_MIN and not ends_day and record.folds == 1:
            raise Refused(Reason.NOT_ALLOWED)
        if isinstance(record, Tally) and record.irregular:
            raise Refused(Reason.NOT_ALLOWED)


def _riders(record: Tally | Sales | Consents) -> int:
    """How many people, at most, a counting record hides among each other."""
    if isinstance(record, Tally):
        return record.entries + record.exits
    if isinstance(record, Sales):
        return record.single + record.day
    return record.research + record.none


def admit(batch: Batch, sender: Sender, watermark: int) -> Decision:
    """Decide on an authentic batch.

    ``watermark`` is the sequence number below which everything of this (device, boot) is stored, 0 for a new boot.
    Raises :class:`Refused` with wrong_device, not_allowed or out_of_sequence.
    """
    if batch.device != sender.device:
        raise Refused(Reason.WRONG_DEVICE)
    for record in batch.records:
        require_allowed(sender, record)
    if batch.seq > watermark:
        return Decision((), watermark, 0, (watermark, batch.seq), ())
    rows: list[Admitted] = []
    lost: list[tuple[int, int]] = []
    duplicates = 0
    at = batch.seq
    for record in batch.records:
        end = at + record.folds
        if end <= watermark:
            duplicates += 1
        elif at < watermark:
            raise Refused(Reason.OUT_OF_SEQUENCE)
        else:
            rows.append(Admitted(sender.device, batch.boot, at, record, sender.day_start_ms))
            if isinstance(record, Notice) and record.what == "storage_lost":
                lost.append((at, end))
        at = end
    return Decision(tuple(rows), max(watermark, at), duplicates, None, tuple(lost))
