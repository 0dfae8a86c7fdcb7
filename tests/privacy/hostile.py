"""What somebody can do who has stolen one gate's key and broker credential, or who has kept old messages.

Each attempt is a message put on the broker; what the gateway made of it is read from its database. All is done on
a week that has passed (week.py), in its virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from simulator.linkage.week import DAY_START_MS, FIRST_DAY, SINGLE
from tests.gateway.support import batch, irregular, passage, sealed, spent, tally
from tests.passes import Issuer, single
from tests.privacy.week import SITE, Ran

THIEF, OTHER = "north-1", "north-2"
QUARTER_MS = 900_000
DAY_MS = 86_400_000


class Attempt(NamedTuple):
    """What was tried, and what came of it: `stored`, `not stored`, or the reason of the refusal."""

    what: str
    outcome: str


def rows_but_counters(ran: Ran) -> dict[str, list[dict[str, Any]]]:
    """What is stored, without how often something was refused."""
    return {table: rows for table, rows in ran.gateway.rows().items() if table not in ("counters", "quarantine")}


def send(ran: Ran, topic: str, payload: bytes) -> str:
    """Put a message on the broker and let the gateway work; what it made of it."""
    before = ran.gateway.rows()
    ran.gateway.network.publish(topic, payload)
    scheduler = ran.gateway.network.scheduler
    scheduler.run_until(scheduler.now_ms + 2_000)
    after = ran.gateway.rows()
    refused = {(row["reason"], row["device"]): row["count"] for row in before["quarantine"]}
    for row in after["quarantine"]:
        if row["count"] != refused.get((row["reason"], row["device"]), 0):
            return str(row["reason"])
    kinds = ("passages", "tallies", "irregulars", "dailies", "notices", "spent")
    return "stored" if any(before[kind] != after[kind] for kind in kinds) else "not stored"


def with_a_stolen_key(ran: Ran) -> list[Attempt]:
    """Everything that the thief of gate north-1's settings can think of."""
    network = ran.gateway.network
    key = bytes.fromhex(ran.gateway.settings[THIEF]["key"])
    own, other = (f"gateline/1/{SITE}/{gate}/event" for gate in (THIEF, OTHER))
    quarter_ms = network.now_ms // QUARTER_MS * QUARTER_MS
    day_ms = (network.now_ms - DAY_START_MS) // DAY_MS * DAY_MS + DAY_START_MS

    def mark() -> int:
        rows = ran.gateway.rows()["boots"]
        return next(int(row["watermark"]) for row in rows if row["device"] == THIEF)

    def say(record: dict[str, Any], seq: int | None = None, topic: str = own, device: str = THIEF) -> str:
        body = batch([record], mark() if seq is None else seq, 1, device)
        return send(ran, topic, sealed(body, key, topic))

    whole_day = tally(**{"from": day_ms - DAY_MS, "to": day_ms})
    attempts: list[tuple[str, Callable[[], str]]] = [
        ("a passage that was none, under the gate's own name", lambda: say(passage(1, at=quarter_ms))),
        ("a tally of riders who were none, under the gate's own name", lambda: say(whole_day)),
        ("another gate's records, under its topic", lambda: say(passage(2, at=quarter_ms), 0, other, OTHER)),
        ("another gate's records, under its own topic", lambda: say(passage(3, at=quarter_ms), 0, own, OTHER)),
        ("a record with a member that names somebody", lambda: say(passage(4, at=quarter_ms) | {"card": "04a1b2c3"})),
        ("a passage of a rider who declined", lambda: say(passage(5, at=quarter_ms) | {"consent": False})),
        ("the moment of a passage", lambda: say(passage(6, at=quarter_ms + 1_234))),
        ("one irregular passage", lambda: say(irregular(at=quarter_ms))),
        (
            "a tally of one, in the middle of the day",
            lambda: say(
                tally(
                    **{"from": quarter_ms, "to": quarter_ms + QUARTER_MS},
                    entries=1,
                    exits=0,
                    paid=1,
                    free=0,
                    declined=1,
                )
            ),
        ),
        ("as used: a single that it has seen", lambda: say(spent(nullifiers=["5a" * 16]))),
        ("a key list of its own, to all gates", lambda: _gates_take_list(ran)),
        ("a record that was stored before, changed", lambda: say(passage(7, at=quarter_ms), 0)),
        ("a record far ahead", lambda: say(passage(8, at=quarter_ms), mark() + 1_000)),
    ]
    made = [Attempt(what, attempt()) for what, attempt in attempts]
    return [*made, Attempt("then the gate's own next passages", _lost_afterwards(ran))]


def _gates_take_list(ran: Ran) -> str:
    """A list that is well made, newer, and signed with a key that is not the network's."""
    before = {gate.gate.fare.keys.hash for gate in ran.gates.values() if gate.gate is not None}
    forged = Issuer().key_list(1_000_000, [single("none", FIRST_DAY)])
    ran.gateway.network.publish(f"gateline/1/{SITE}/passes/keys", forged, retain=False)
    ran.gateway.network.scheduler.run_until(ran.gateway.network.scheduler.now_ms + 2_000)
    after = {gate.gate.fare.keys.hash for gate in ran.gates.values() if gate.gate is not None}
    return "not taken" if before == after and len(after) == 1 else "taken"


def _lost_afterwards(ran: Ran) -> str:
    """Riders pass the gate whose numbers the thief has used up: how many of their records are not stored?"""
    network = ran.gateway.network
    scheduler = network.scheduler
    riders = 20
    before = len(ran.gateway.rows()["passages"])
    for number in range(riders):
        sold = ran.gateway.sell("kiosk-north", SINGLE, "research", bytes([200 + number]) * 32).medium
        ran.gates[THIEF].tap_and_walk(network.now_ms + 10_000 * (number + 1), sold)
    scheduler.run_until(scheduler.now_ms + 2 * QUARTER_MS)
    lost = riders - (len(ran.gateway.rows()["passages"]) - before)
    return f"{lost} of {riders} lost"


def replayed(ran: Ran) -> tuple[int, int]:
    """Every batch of the week once more, oldest first: (batches, rows that changed)."""
    before = rows_but_counters(ran)
    network = ran.gateway.network
    batches = [message for message in ran.log if message.channel == "event"]
    for message in batches:
        network.publish(message.topic, message.payload)
        network.scheduler.run_until(network.scheduler.now_ms + 1)
    network.scheduler.run_until(network.scheduler.now_ms + 2_000)
    after = rows_but_counters(ran)
    changed = 0
    for table, rows in after.items():
        stored = [repr(row) for row in before[table]]
        changed += sum(repr(row) not in stored for row in rows) + max(0, len(stored) - len(rows))
    return len(batches), changed
