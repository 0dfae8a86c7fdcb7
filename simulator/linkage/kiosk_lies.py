"""A kiosk that lies: it keeps the number of each pass that it sells, with the time, and gives both to the operator.

It draws the number itself, so nothing but honesty stops it (docs/privacy.md says so). With a number every handle
and the nullifier of the pass follow, and the operator looks them up: rows for who agreed, `spent` records for singles.

Pure. Does not belong here: what is true (score.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simulator.linkage.evidence import Message, Rows, first_seen
from simulator.truth import handle_of


class Kept(NamedTuple):
    """What the kiosk has kept of one sale."""

    at_ms: int
    kiosk: str
    nonce: bytes


class Followed(NamedTuple):
    """What became of a pass: (gate, time as stored) of each passage with a row; and where and in which time its
    nullifier
    was told, as [start, end) of the tally that it came with."""

    passages: tuple[tuple[str, int], ...]
    used: tuple[str, int, int] | None


def nullifier_of(nonce: bytes) -> str:
    """32 hex digits (docs/passes.md)."""
    return hashlib.sha256(b"gateline nullifier" + nonce).digest()[:16].hex()


def follow(kept: Mapping[int, Kept], log: Iterable[Message], rows: Rows, days: Iterable[int]) -> dict[int, Followed]:
    """Each sale's pass, as far as log and rows show it on one of the service `days`."""
    by_handle: dict[str, list[tuple[str, int]]] = {}
    for row in rows.get("passages", ()):
        by_handle.setdefault(row["handle"], []).append((row["device"], row["at"]))
    told = _told(log)
    wanted = list(days)
    found = {}
    for number, sale in kept.items():
        passages: list[tuple[str, int]] = []
        for day in wanted:
            passages += by_handle.get(handle_of(sale.nonce, day), ())
        found[number] = Followed(tuple(sorted(passages)), told.get(nullifier_of(sale.nonce)))
    return found


def _told(log: Iterable[Message]) -> dict[str, tuple[str, int, int]]:
    """Where and when each nullifier was used: a gate tells it with the tally that closes then."""
    seen = first_seen(log)
    closed: dict[str, list[tuple[int, int, int]]] = {}
    for one in seen:
        if one.record.get("kind") == "tally":
            closed.setdefault(one.device, []).append((one.at_ms, one.record["from"], one.record["to"]))
    told: dict[str, tuple[str, int, int]] = {}
    for one in seen:
        if one.record.get("kind") != "spent":
            continue
        # The tally that it came with is the last that set out before it, or at most a moment later.
        near = [tally for tally in closed.get(one.device, ()) if tally[0] <= one.at_ms + 5_000]
        start_ms, end_ms = max(near)[1:] if near else (0, one.at_ms)
        for nullifier in one.record["nullifiers"]:
            told.setdefault(nullifier, (one.device, start_ms, end_ms))
    return told
