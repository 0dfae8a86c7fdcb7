"""What a device said, as a consumer gets it: messages in wire form, and the records in them.

Rules: nothing is made up here; a record is what the device wrote, and beside it the three numbers that name it for ever
(docs/protocol.md, "Identity"). Does not belong here: who received what (far_end.py), how it was sent (link.py).
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from simulator.devices.in_process import Storage

Record = dict[str, Any]
"""A record's own members, and `device`, `boot` and `seq`."""


class Message(NamedTuple):
    """One MQTT message, sealed, byte for byte as a broker would hand it on."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def channel(self) -> str:
        """`event`, `status` or `health`."""
        return self.topic.rsplit("/", 1)[1]

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object, `mac` included; the seal is not checked."""
        body: dict[str, Any] = json.loads(self.payload)
        return body

    @property
    def records(self) -> list[Record]:
        """The records of a batch; none in any other message."""
        if self.channel != "event":
            return []
        body = self.body
        numbered = number(body["boot"], body["seq"], body["records"])
        return [named(body["device"], boot, seq, record) for boot, seq, record in numbered]


Numbered = tuple[int, int, dict[str, Any]]
"""(boot, first sequence number, a record as the device wrote it)"""


def number(boot: int, first: int, records: Iterable[dict[str, Any]]) -> Iterator[Numbered]:
    """Each record with its number: it begins where the one before ended, which may stand for many."""
    seq = first
    for record in records:
        yield boot, seq, record
        seq += record.get("folds", 1)


def named(device: str, boot: int, seq: int, record: dict[str, Any]) -> Record:
    """A record beside what names it."""
    return {"device": device, "boot": boot, "seq": seq, **record}


def kept(storage: Storage) -> Iterator[Numbered]:
    """All records in a device's flash, oldest first (firmware/report/outbox.py: files and lines)."""
    for name in storage.names("q"):
        boot, first = int(name[1:9]), int(name[10:])
        yield from number(boot, first, (json.loads(line.split(b" ", 2)[2]) for line in storage.lines(name)))
