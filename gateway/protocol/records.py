"""Records and messages of the wire, and the one form in which they are accepted.

Rules: the schema is closed (an unknown member is refused, never ignored: invariant I1), integers are bounded, and the
form is canonical (canonical.py). Members stand in the order of docs/protocol.md. What a site may say does not belong
here (see gateway/admission), nor what is said of emulated lanes for the eye (scenes.py).
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from gateway.protocol.canonical import decode, encode, require_version
from gateway.protocol.refusal import Reason, Refused

MAX_EVENT_BYTES: Final = 64 * 1024
MAX_RECORDS: Final = 64
MAX_INTEGER: Final = 2**53 - 1
MAX_BEAMS: Final = 24
"""Of a lane, and so of its traces, layouts and scenes."""
MAX_TOTAL: Final = 1_000_000
TRANSIT_RESOLUTION_MS: Final = 250

Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
# What is added up over records for years: bounded so far below an integer's end that no sum can reach it.
Total = Annotated[int, Meta(ge=0, le=MAX_TOTAL)]
Positive = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
EpochMs = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
# \A and \Z, not ^ and $: the latter also match before a final line feed, which JSON can carry as an escape.
Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,31}\Z")]
Handle = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Way = Literal["entry", "exit"]
Product = Literal["single", "day"]
IrregularKind = Literal["tailgate", "reverse", "forced", "jump", "crawl", "passback"]
NoticeKind = Literal["boot", "fault", "recovered", "fire_on", "fire_off", "storage_lost", "keys_refused"]
# The first 16 bytes of SHA-256("gateline nullifier" ‖ nonce): a used pass, and nothing else.
Nullifier = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
ServiceDay = Annotated[int, Meta(ge=0, le=100_000_000)]
Bit = Annotated[int, Meta(ge=0, le=1)]
Beam = Annotated[int, Meta(ge=0, le=MAX_BEAMS - 1)]


class Passage(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="passage"):
    """One rider passed on a valid medium and has consented."""

    at: EpochMs
    way: Way
    product: Product
    handle: Handle
    transit_ms: Count

    @property
    def folds(self) -> int:
        return 1


class Tally(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="tally"):
    """Counts of passages that have no record of their own, over ``[from_ms, to_ms)``."""

    from_ms: EpochMs = field(name="from")
    to_ms: EpochMs = field(name="to")
    entries: Total
    exits: Total
    paid: Total
    free: Total
    declined: Total
    irregular: Total
    notices: Total
    folds: Positive


class Irregular(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="irregular"):
    """One irregular passage; from emulated sites only (invariant I3)."""

    at: EpochMs
    way: Way
    what: IrregularKind
    confidence: Annotated[int, Meta(ge=0, le=100)]
    trace: Annotated[list[tuple[Count, Beam, Bit]], Meta(max_length=64)]

    @property
    def folds(self) -> int:
        return 1


class Daily(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="daily"):
    """One device's totals of a service day."""

    day: ServiceDay
    refused: Total
    tailgate: Total
    reverse: Total
    forced: Total
    jump: Total
    crawl: Total
    passback: Total

    @property
    def folds(self) -> int:
        return 1


class Notice(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="device"):
    """A notice of the device about itself."""

    at: EpochMs
    what: NoticeKind
    folds: Positive


class Spent(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="spent"):
    """Nullifiers of singles that were used at an entry; ``to`` is the last valid day of their key."""

    to: ServiceDay
    nullifiers: Annotated[list[Nullifier], Meta(min_length=1, max_length=MAX_RECORDS)]

    @property
    def folds(self) -> int:
        return 1


class Sales(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sales"):
    """What a kiosk handed over in ``[from_ms, to_ms)``, counted."""

    from_ms: EpochMs = field(name="from")
    to_ms: EpochMs = field(name="to")
    single: Total
    day: Total
    refunds: Total
    exchanges: Total

    @property
    def folds(self) -> int:
        return 1


class Consents(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="consents"):
    """How a kiosk's riders answered one version of the notice in ``[from_ms, to_ms)``, counted."""

    from_ms: EpochMs = field(name="from")
    to_ms: EpochMs = field(name="to")
    notice: Name
    research: Total
    none: Total

    @property
    def folds(self) -> int:
        return 1


Record = Passage | Tally | Irregular | Daily | Notice | Spent | Sales | Consents


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an ``event`` message."""

    v: Literal[1]
    device: Name
    boot: Positive
    seq: Count
    records: Annotated[list[Record], Meta(min_length=1, max_length=MAX_RECORDS)]


class Online(Struct, frozen=True, forbid_unknown_fields=True, tag_field="state", tag="online"):
    """The body of a sealed ``status``; see :func:`decode_online` for how ``v`` is kept in front of the tag.

    ``keys`` is the hash of the device's key list, or empty while it has none.
    """

    boot: Positive
    firmware: Annotated[str, Meta(pattern=r"\A[0-9A-Za-z.+-]{1,32}\Z")]
    keys: Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{64})?\Z")]


class Health(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``health``; ``heap_free`` in bytes, -1 where the runtime can't tell."""

    v: Literal[1]
    boot: Positive
    heap_free: Annotated[int, Meta(ge=-1, le=MAX_INTEGER)]
    worst_tick_ms: Count
    outbox: Count
    refused_stored: Count


class _Stored(Struct, frozen=True):
    v: Literal[1]
    boot: Positive
    seq: Count


_ONLINE_HEAD: Final = b'{"v":1,"state":"online",'
_LOST: Final = re.compile(rb'\{"v":1,"state":"lost","boot":([1-9][0-9]{0,15})\}')
_batch_decoder = msgspec.json.Decoder(Batch)
_health_decoder = msgspec.json.Decoder(Health)
_online_decoder = msgspec.json.Decoder(Online)


def _require_consistent(record: Record) -> None:
    """The rules of docs/protocol.md that join members of one record."""
    if isinstance(record, Passage):
        consistent = record.transit_ms % TRANSIT_RESOLUTION_MS == 0
    elif isinstance(record, Tally):
        consistent = (
            record.from_ms <= record.to_ms
            and record.entries + record.exits == record.paid + record.free
            and record.declined <= record.paid
            and record.irregular + record.notices <= record.folds
        )
    elif isinstance(record, Sales | Consents):
        consistent = record.from_ms <= record.to_ms
    elif isinstance(record, Notice):
        consistent = record.folds == 1 or record.what == "storage_lost"
    else:
        consistent = True
    if not consistent:
        raise Refused(Reason.MALFORMED)


def decode_batch(body: bytes) -> Batch:
    """The body of an ``event`` without its seal; :class:`Refused` (malformed, unknown_version)."""
    require_version(body)
    batch = decode(_batch_decoder, body)
    end = batch.seq
    for record in batch.records:
        _require_consistent(record)
        end += record.folds
    if end > MAX_INTEGER:
        raise Refused(Reason.MALFORMED)
    return batch


def decode_online(body: bytes) -> Online:
    """The body of a sealed ``status``; :class:`Refused` (malformed, unknown_version)."""
    require_version(body)
    if not body.startswith(_ONLINE_HEAD):
        raise Refused(Reason.MALFORMED)
    # msgspec writes the tag first, the protocol writes `v` first: the head is compared, the rest is decoded.
    return decode(_online_decoder, b'{"state":"online",' + body[len(_ONLINE_HEAD) :])


def decode_lost(payload: bytes) -> int | None:
    """The boot of an unsealed ``lost``, or None when the payload is not one."""
    match = _LOST.fullmatch(payload)
    if match is None or int(match[1]) > MAX_INTEGER:
        return None
    return int(match[1])


def decode_health(body: bytes) -> Health:
    """The body of ``health``; :class:`Refused` (malformed, unknown_version)."""
    require_version(body)
    return decode(_health_decoder, body)


def encode_stored(boot: int, seq: int) -> bytes:
    """The body of ``stored``, to be sealed with the receiving device's key."""
    return encode(_Stored(1, boot, seq))


def encode_body(message: Batch | Health) -> bytes:
    """The canonical body of a message, without its seal."""
    return encode(message)
