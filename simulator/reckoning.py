"""The reckoning: the world's own truth held against the gateway's database, rider by rider where a handle says who.

What riders had erased is `erased`, not lost: the gateway keeps a fingerprint of each handle that may not come back.

It assumes nothing. A row that is missing is `lost`, a row that nobody walked for is `invented`; neither makes good for
the other. Where somebody held a hand into a lane's beams, each rider of that time explains one missing row of that
lane, and each of them and each touch one row too many: that many are `meddled`, for the gate reported what it saw. A
lane that nobody touched explains nothing.

Pure: truth and facts in, counts out. Does not belong here: reading databases, waiting, printing.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from simulator.truth import PASSED_DECLINED, PASSED_FREE, TAILGATED, LaneExpectation


@dataclass(frozen=True)
class Reckoning:
    """Truth against table."""

    lost: int
    invented: int
    recorded: int
    tallied: int
    held: int = 0
    erased: int = 0
    spent: int = 0
    repeated: int = 0
    meddled: int = 0


def fingerprint(handle: str) -> str:
    """What the gateway's journal of erasures has of a handle."""
    return hashlib.sha256(b"gateline erased" + handle.encode()).hexdigest()


def reckon(
    expected: Mapping[str, LaneExpectation],
    facts: Mapping[str, Any],
    held: Mapping[str, Mapping[str, int]] = {},
    held_nullifiers: Set[str] = frozenset(),
) -> Reckoning:
    """Compare what a perfect system would hold with what the database holds.

    `facts` has `erased` {fingerprint} and `spent` {nullifier} (both optional), `passages` [(device, way, handle)],
    `tallied` {device: {entries, exits, paid, free, declined, irregular}} and `irregular` {(device, what): count}.
    Consented passages are compared one by one by (device, way, handle); those without consent, the free ones and the
    ways of both by the tallies' sums per device; tailgaters by the irregular records.

    A full outbox folds consented passages into a tally, where they are paid and not declined: so many missing handles,
    and no more, are there after all. `held` is what devices have counted and not told yet, per device with the members
    of `tallied`: it is neither lost nor told, and so are `held_nullifiers`. `repeated` is how often one medium rightly
    passed one gate more than once (a day pass), which looks like a duplicate to whoever knows only the table. What a
    dying device may or may not have noted (`uncertain`) is neither lost nor invented.
    """
    passages: dict[str, Counter[tuple[str, str]]] = {}
    for device, way, handle in facts["passages"]:
        passages.setdefault(device, Counter())[way, handle] += 1
    lost = invented = repeated = erased = meddled = 0
    for device in (
        set(expected) | set(passages) | set(facts["tallied"]) | {name for name, _ in facts["irregular"]} | set(held)
    ):
        lane = expected.get(device, LaneExpectation())
        lane_lost, lane_invented, lane_erased = _reckon_lane(
            lane,
            facts.get("erased", set()),
            passages.get(device, Counter()),
            Counter(facts["tallied"].get(device, {})) + Counter(held.get(device, {})),
            Counter({what: count for (name, what), count in facts["irregular"].items() if name == device}),
        )
        explained_lost = min(lane_lost, lane.meddled)
        explained_invented = min(lane_invented, lane.meddled + lane.touches)
        lost += lane_lost - explained_lost
        invented += lane_invented - explained_invented
        meddled += explained_lost + explained_invented
        erased += lane_erased
        repeated += sum(1 for count in lane.again.values() if count)
    tallied = sum(tally["entries"] + tally["exits"] for tally in facts["tallied"].values())
    spent = set(facts.get("spent", ()))
    used = {nullifier for lane in expected.values() for nullifier in lane.nullifiers}
    unspent = used - spent - held_nullifiers
    explained = {nullifier for lane in expected.values() for nullifier in lane.meddled_nullifiers & unspent}
    lost += len(unspent - explained)
    meddled += len(explained)
    still_held = sum(counts.get("entries", 0) + counts.get("exits", 0) for counts in held.values())
    return Reckoning(lost, invented, len(facts["passages"]), tallied, still_held, erased, len(spent), repeated, meddled)


def _reckon_lane(
    lane: LaneExpectation,
    erasures: Set[str],
    passages: Counter[tuple[str, str]],
    tally: Counter[str],
    irregular: Counter[str],
) -> tuple[int, int, int]:
    """(lost, invented, erased) of one lane."""
    wanted = Counter((lane.way, handle) for handle in lane.handles)
    wanted += Counter({(lane.way, handle): count for handle, count in lane.again.items()})
    allowed = wanted + Counter((lane.way, handle) for handle in lane.uncertain_handles)
    absent = wanted - passages
    erased = sum(count for (_, handle), count in absent.items() if fingerprint(handle) in erasures) if erasures else 0
    missing = absent.total() - erased
    lost, invented = 0, (passages - allowed).total()

    def compare(found: int, truth: int, uncertain: int = 0) -> None:
        nonlocal lost, invented
        lost += max(0, truth - found)
        invented += max(0, found - truth - uncertain)

    folded = tally["paid"] - tally["declined"]
    compare(folded, 0, missing)
    lost += missing - min(missing, folded)
    compare(tally["declined"], lane.declined, lane.uncertain.get(PASSED_DECLINED, 0))
    compare(tally["free"], lane.free, lane.uncertain.get(PASSED_FREE, 0))
    # Who pays goes the lane's own way, and tallies count each passage once by its way.
    other = "exits" if lane.way == "entry" else "entries"
    invented += tally[other]
    lost += tally[other]
    # What a gate makes of somebody who jumps is the detector's business, not the wire's: as a tailgate, or as nothing.
    compare(
        irregular["tailgate"] + tally["irregular"], lane.tailgates, lane.uncertain.get(TAILGATED, 0) + lane.intruders
    )
    # Nobody forces a lane in the demo's world, but a device that boots with a rider in it can't know who that is.
    invented += max(0, irregular.total() - irregular["tailgate"] - lane.unobserved - lane.intruders)
    return lost, invented, erased
