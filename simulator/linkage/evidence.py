"""What an operator has who owns the database and the broker's whole log: messages with their times of arrival, and
rows.

Rules: nothing here knows the truth. A message is taken as it lies in the log, its seal unread: whoever owns the gateway
knows the keys, and needs none to read. A record that was sent again counts as of its first arrival. What is no message
of ours (docs/protocol.md) is passed over, as it tells nothing.

`scene`, `layout` and `world` are left out of all of this. They are the picture of an emulated lane, drawn by the
simulator, which knows everything, and what is ordered at it; a gateway refuses all three at a physical site
(docs/attacks.md says what a scene would show).

Does not belong here: attacks, the truth.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""The database: each table's rows, as column -> value."""

SCENE = "scene"
EMULATION = (SCENE, "layout", "world")


class Message(NamedTuple):
    """One message in the broker's log; `at_ms` is the epoch time at which the broker had it."""

    at_ms: int
    topic: str
    payload: bytes

    @property
    def device(self) -> str:
        """The device in the topic, "" where there is none."""
        parts = self.topic.split("/")
        return parts[3] if len(parts) == 5 else ""

    @property
    def channel(self) -> str:
        """The topic's last part."""
        return self.topic.rsplit("/", 1)[-1]


class Seen(NamedTuple):
    """One record as the log first shows it. It names itself by (device, boot, seq)."""

    at_ms: int
    device: str
    boot: int
    seq: int
    record: Mapping[str, Any]

    @property
    def end(self) -> int:
        """The sequence number of the record after it."""
        return self.seq + int(self.record.get("folds", 1))


def body_of(message: Message) -> Mapping[str, Any] | None:
    """The message's JSON object, None where it is none."""
    try:
        body = json.loads(message.payload)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def records_of(message: Message) -> Iterator[Seen]:
    """The records of one batch; none of any other message, nor of one that is malformed."""
    if message.channel != "event":
        return
    body = body_of(message)
    if body is None:
        return
    boot, seq, records = body.get("boot"), body.get("seq"), body.get("records")
    if not isinstance(boot, int) or not isinstance(seq, int) or not isinstance(records, list):
        return
    for record in records:
        if not isinstance(record, dict):
            return
        seen = Seen(message.at_ms, message.device, boot, seq, record)
        yield seen
        seq = seen.end


def first_seen(log: Iterable[Message]) -> list[Seen]:
    """Every record in the log once, as of its first arrival, in the order of arrival."""
    found: dict[tuple[str, int, int], Seen] = {}
    for message in log:
        for seen in records_of(message):
            found.setdefault((seen.device, seen.boot, seen.seq), seen)
    return list(found.values())


def without_scenes(log: Iterable[Message]) -> list[Message]:
    """The log without the pictures of emulated lanes, and what is ordered there."""
    return [message for message in log if message.channel not in EMULATION]
