"""What the page of devices says, as pure logic: facts of the devices in, rows, troubles and announcements out.

Rules: no I/O and no clock; ``now_ms`` is an argument (epoch milliseconds). Devices are hardware: nothing of a rider
comes in or goes out here. Whatever is wrong has words for what it is and what to do. How it is drawn doesn't belong
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.live.standing import Blocked

OUTBOX_MANY: Final = 256
"""So many records wait in a device: half of what it holds before it folds them (`report.outbox_records`)."""
TICK_SLOW_MS: Final = 2_000
"""A turn as slow as this keeps a rider waiting who holds a pass to the reader; verifying one takes part of a second."""
HEAP_LOW: Final = 20_000
"""Bytes: below this a MicroPython device is near the end of its memory."""
NAMED_MOST: Final = 3
"""An announcement names so many devices; of more it tells how many."""


class State(StrEnum):
    """How a device's link is, in one word."""

    HEARD = "heard"
    SILENT = "silent"
    NEVER = "never heard"


SYMBOLS: Final = {State.HEARD: "●", State.SILENT: "✕", State.NEVER: "○"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one device. None where it has not told."""

    site: str
    device: str
    site_class: str
    kind: str
    link: str = "unknown"
    silent_since_ms: int | None = None
    """When it was heard for the last time, if it is silent now."""
    firmware: str | None = None
    boot: int | None = None
    watermark: int | None = None
    outbox: int | None = None
    worst_tick_ms: int | None = None
    heap_free: int | None = None
    blocked: str | None = None
    refused: int = 0
    keys: str = "none"
    faulty: bool = False
    """Whether the last it said of its parts was `fault`."""
    fire: bool = False
    standing: tuple[Blocked, ...] = ()
    """What of an emulated gate has stood still for too long, as its scenes show it; a physical one has none."""
    gaps: Mapping[str, int] = field(default_factory=dict)
    quarantine: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Reason -> (messages, bytes)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that needs a hand: in two or three words, what it means, and what to do."""

    name: str
    what: str
    to_do: str
    since_ms: int | None = None
    """Since when, where that is known."""


@dataclass(frozen=True, slots=True)
class Row:
    """One device as the page shows it."""

    facts: Facts
    state: State
    troubles: tuple[Trouble, ...]
    since_ms: int | None
    """Since when it is silent, if it is."""
    cells: tuple[str, ...]
    """The texts of :data:`COLUMNS` behind name and state, in their order."""

    @property
    def device(self) -> str:
        return self.facts.device

    @property
    def needs_a_hand(self) -> bool:
        return bool(self.troubles)

    @property
    def calls_since_ms(self) -> int | None:
        """Since when its first trouble is there, where that is known."""
        if self.state is State.SILENT or not self.troubles:
            return self.since_ms
        return self.troubles[0].since_ms


COLUMNS: Final = (
    (
        "outbox",
        "Outbox",
        "Records in the device that it has not been told to be stored. They come again until they are.",
    ),
    ("tick", "Worst turn", "The slowest turn of the device's loop since its start."),
    ("heap", "Free memory", "What the device's runtime has left of its memory."),
    ("gaps", "Gaps", "Open: not come yet. Lost: the device itself can no longer tell."),
    ("refused", "Refused", "Messages in quarantine: counted by reason, their content is never kept."),
    ("stored", "Stored to", "Everything of this boot below this number is stored."),
    ("boot", "Boot", "Which start of the device this is."),
    ("firmware", "Firmware", "The version it runs."),
)
"""The columns behind name and state: key, heading, what it means."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a reason of quarantine means, and what to do about it."""

    means: str
    to_do: str


REASONS: Final[Mapping[str, Words]] = {
    "oversized": Words(
        "A message was longer than 64 KiB; no honest device sends one.",
        "If it goes on, change the device's broker password: somebody else may be using it.",
    ),
    "malformed": Words(
        "A message was not written as the protocol says: other members, other order, numbers that don't add up.",
        "Firmware and gateway may be of different versions: bring both to the same.",
    ),
    "unknown_version": Words(
        "A message was of a version of the protocol that this gateway doesn't know.",
        "Bring firmware and gateway to the same version.",
    ),
    "unknown_device": Words(
        "A message came under a name that was never provisioned here.",
        "If it is yours, add it with `gateline device add`; else somebody tries names at your broker.",
    ),
    "bad_seal": Words(
        "The seal did not fit: another key, another topic, or a byte changed on the way. Nothing of it was stored.",
        "If the device is yours and never gets through, give it the settings that were printed for it.",
    ),
    "wrong_device": Words(
        "A batch named another device than the one that sealed it.",
        "Two devices may hold the same settings: give each its own.",
    ),
    "not_allowed": Words(
        "A record that this class of site or this kind of device may not send, such as a single irregular passage from "
        "a physical gate.",
        "It has an emulated device's settings, or a gate's on a kiosk: give it the settings printed for it.",
    ),
    "out_of_sequence": Words(
        "A record began below what is stored already and ended above it, or an emulated lane was shown as it once was.",
        "If it is held up, its storage or the database was put back to an older state: empty its storage, and add it "
        "under a new name. Else somebody says old pictures again, or its simulator's clock is behind: set it right, "
        "and start the simulator anew.",
    ),
}
"""For every reason of docs/protocol.md; a test holds the two together."""

NOTICES: Final[Mapping[str, str]] = {
    "boot": "It has started.",
    "fault": "The arm, a beam or the reader did not answer as it should.",
    "recovered": "The fault is over.",
    "fire_on": "Fire alarm: the gate is open to all.",
    "fire_off": "The fire alarm is over.",
    "storage_lost": "Its storage was damaged: it can no longer tell some records. They show as a lost gap.",
    "keys_refused": "It was sent a key list that it could not believe, and kept the one it had.",
}
"""What a notice of a device about itself means."""

STANDS: Final[Mapping[str, str]] = {
    "passing": "A rider who has paid is between its beams and does not leave.",
    "clearing": "A rider is through, and its beams don't get free.",
    "intrusion": "Something is in its beams without a right of way: it stands in alarm.",
}
"""How a lane stands that does not get free, by the turnstile's state."""

GAPS: Final[Mapping[str, str]] = {
    "open": "Not come yet. The device sends everything behind its last confirmed record again: it closes by itself.",
    "closed": "Came later. Nothing is missing.",
    "permanent": "Lost: the device said that its storage was damaged. How many records is known, not what they said.",
}
"""What a gap's state means."""


def state_of(facts: Facts) -> State:
    """How the device's link is."""
    if facts.silent_since_ms is not None or facts.link == "lost":
        return State.SILENT
    return State.HEARD if facts.link == "online" else State.NEVER


def troubles_of(facts: Facts) -> tuple[Trouble, ...]:
    """What needs a hand, the most urgent first."""
    found: list[Trouble] = []
    if state_of(facts) is State.SILENT:
        found.append(
            Trouble(
                "Silent",
                "Nothing has come from it since then. It keeps its records and sends them when it is back.",
                "Look whether it has power and network.",
            )
        )
    found += [_stands(one) for one in facts.standing]
    if facts.blocked is not None:
        words = REASONS[facts.blocked]
        held = f"Its batch is refused ({facts.blocked}, {facts.refused:,} times): nothing behind it is stored."
        found.append(Trouble("Held up", f"{held} {words.means}", words.to_do))
    if facts.faulty:
        found.append(
            Trouble(
                "Fault",
                "The arm, a beam or the reader did not answer as it should, and it has not recovered.",
                "Look at the gate: something in the lane, or a part to replace.",
            )
        )
    if facts.fire:
        found.append(
            Trouble("Fire alarm", "It stands open to all; who passes is only counted.", "It locks when the alarm ends.")
        )
    if facts.keys == "differs":
        found.append(
            Trouble(
                "Other keys",
                "It holds a list of keys that never was this network's, so no passes are issued anywhere.",
                "Give it the settings printed for it; it may belong to another gateway.",
            )
        )
    if facts.gaps.get("permanent"):
        found.append(
            Trouble(
                "Lost records",
                f"{_number(facts.gaps['permanent'], 'range')} of its records will never come: its storage was damaged.",
                "Look at its storage; when it happens again, replace the device.",
            )
        )
    if facts.outbox is not None and facts.outbox >= OUTBOX_MANY:
        found.append(
            Trouble(
                "Full outbox",
                f"{facts.outbox:,} records wait in it. When there is no room left it folds them into counts.",
                "Look at the network and whether the gateway stores (is its disk full?).",
            )
        )
    if facts.heap_free is not None and 0 <= facts.heap_free < HEAP_LOW:
        found.append(
            Trouble(
                "Little memory",
                f"It has {_kilobytes(facts.heap_free)} of memory left.",
                "Restart it when no rider is in the lane; its records are on its storage.",
            )
        )
    if facts.worst_tick_ms is not None and facts.worst_tick_ms >= TICK_SLOW_MS:
        found.append(
            Trouble(
                "Slow",
                f"A turn of its loop took {facts.worst_tick_ms:,} ms; whoever stood at the reader waited.",
                "Restart it, and see whether it comes back.",
            )
        )
    return tuple(found)


def _stands(blocked: Blocked) -> Trouble:
    """An arm or a lane that has stood still for too long, and what to do about it."""
    waits = "1 rider waits" if blocked.waiting == 1 else f"{_number(blocked.waiting, 'rider')} wait"
    queue = f" {waits} before it." if blocked.waiting else ""
    if blocked.what == "arm":
        what = "Its arm does not move: nobody gets through, or it stands open." + queue
        to_do = "See what is in the arm's way, or send somebody to repair it."
        if blocked.by_hand:
            to_do = "It is jammed from the lane's page: free it there."
        return Trouble("Arm jammed", what, to_do, blocked.since_ms)
    how = STANDS.get(blocked.state, "Its lane does not get free.")
    to_do = "See what stands in its beams: somebody, a thing left behind, or a beam that is dirty or broken."
    if blocked.by_hand:
        held = ", ".join(blocked.by_hand)
        to_do = f"Held from the lane's page: {held}. Let go there; else see what stands in its beams."
    return Trouble("Blocked", f"{how} It takes no pass until its beams are free.{queue}", to_do, blocked.since_ms)


def row(facts: Facts, since_ms: int | None = None) -> Row:
    """One device as the page shows it; ``since_ms``: when it was seen to be silent first."""
    state = state_of(facts)
    if state is not State.SILENT:
        since_ms = None
    elif facts.silent_since_ms is not None:
        since_ms = facts.silent_since_ms
    return Row(facts, state, troubles_of(facts), since_ms, _cells(facts))


def _cells(facts: Facts) -> tuple[str, ...]:
    gaps = [
        f"{facts.gaps[state]:,} {name}"
        for state, name in (("open", "open"), ("permanent", "lost"))
        if facts.gaps.get(state)
    ]
    refused = sum(count for count, _ in facts.quarantine.values())
    return (
        _or_dash(facts.outbox),
        "–" if facts.worst_tick_ms is None else f"{facts.worst_tick_ms:,} ms",
        "–" if facts.heap_free is None or facts.heap_free < 0 else _kilobytes(facts.heap_free),
        " · ".join(gaps) or "none",
        f"{refused:,}",
        _or_dash(facts.watermark),
        _or_dash(facts.boot),
        facts.firmware or "–",
    )


def _kilobytes(size: int) -> str:
    return f"{size // 1000:,} kB"


def _or_dash(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All devices at one moment, in order of site and name, shared by all who look."""

    now_ms: int
    rows: tuple[Row, ...]
    ingest: str
    unknown: Mapping[str, tuple[int, int]]
    """What was refused from no known device: reason -> (messages, bytes)."""
    told: int
    """How many announcements there have been."""
    announcement: str
    """The last one."""

    def sites(self) -> list[str]:
        """The sites, in order."""
        return sorted({one.facts.site for one in self.rows})

    def chosen(self, site: str = "", needs: bool = False) -> list[Row]:
        """The rows that both filters leave."""
        return [one for one in self.rows if site in ("", one.facts.site) and (one.needs_a_hand or not needs)]

    def find(self, device: str) -> Row | None:
        """One device."""
        return next((one for one in self.rows if one.device == device), None)


class Watch:
    """Makes snapshots, and notices between two of them who fell silent and who came back."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._since_ms: dict[str, int] = {}
        self._told = 0
        self._announcement = ""

    def look(
        self,
        now_ms: int,
        devices: Iterable[Facts],
        ingest: str = "ok",
        unknown: Mapping[str, tuple[int, int]] | None = None,
    ) -> Snapshot:
        """The next snapshot. Memory is bounded by the number of devices that are there."""
        ordered = sorted(devices, key=lambda one: (one.site, natural(one.device)))
        rows = tuple(row(facts, self._since_ms.get(facts.device, now_ms)) for facts in ordered)
        self._since_ms = {one.device: one.since_ms for one in rows if one.since_ms is not None}
        before, self._states = self._states, {one.device: one.state for one in rows}
        heard = {name for name, state in before.items() if state is State.HEARD}
        silent = {name for name, state in before.items() if state is State.SILENT}
        fell = [one.device for one in rows if one.state is State.SILENT and one.device in heard]
        back = [one.device for one in rows if one.state is State.HEARD and one.device in silent]
        sentences = [
            f"{_names(devices)} {what}"
            for devices, what in ((fell, "fell silent."), (back, "can be heard again."))
            if devices
        ]
        if sentences:
            self._told += 1
            self._announcement = " ".join(sentences)
        return Snapshot(now_ms, rows, ingest, unknown or {}, self._told, self._announcement)


def _names(devices: Sequence[str]) -> str:
    if len(devices) > NAMED_MOST:
        return f"{len(devices):,} devices"
    return devices[0] if len(devices) == 1 else f"{', '.join(devices[:-1])} and {devices[-1]}"


def natural(name: str) -> tuple[str, int, str]:
    """gate-2 before gate-10."""
    head = name.rstrip("0123456789")
    digits = name[len(head) :]
    return (head, int(digits) if digits else -1, name)
