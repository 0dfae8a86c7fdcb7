"""The reckoning: the world's own truth held against the gateway's database, rider by rider where a handle says who.

What riders had erased is `erased`, not lost: the gateway keeps a fingerprint of each handle that may not come back.

It assumes nothing. A row that is missing is `lost`, a row that nobody walked for is `invented`; neither makes good for
the other. Where the gates' own decisions are known (simulator/study/witness.py), the table is held against them, too,
exactly: what a gate decided and the table lacks is lost, whatever riders did. So much as a gate decided otherwise than
riders did is `misjudged`: a pram taken for a tailgater is the detector's fault and none of the wire's.

Where somebody held a hand into a lane's beams, each rider of that time explains one missing row of that lane, and each
of them and each touch one row too many: that many are `meddled`, for the gate reported what it saw. A lane that nobody
touched explains nothing so, and nothing explains a row that its gate didn't decide.

Pure: truth and facts in, counts out. Does not belong here: reading databases, waiting, printing.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from simulator.truth import PASSED_DECLINED, PASSED_FREE, TAILGATED, LaneExpectation

CONSENTED, DECLINED, FREE, IRREGULAR = KINDS = ("consented", "declined", "free", "irregular")
"""What a gate can decide that reaches the table: three kinds of passage, and a report."""
_WAYS = "ways"


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
    misjudged: int = 0
    irregular: int = 0


def fingerprint(handle: str) -> str:
    """What the gateway's journal of erasures has of a handle."""
    return hashlib.sha256(b"gateline erased" + handle.encode()).hexdigest()


def reckon(
    expected: Mapping[str, LaneExpectation],
    facts: Mapping[str, Any],
    held: Mapping[str, Mapping[str, int]] = {},
    held_nullifiers: Set[str] = frozenset(),
    decided: Mapping[str, Mapping[str, int]] | None = None,
) -> Reckoning:
    """Compare what a perfect system would hold with what the database holds.

    `facts` has `erased` {fingerprint} and `spent` {nullifier} (both optional), `passages` [(device, way, handle)],
    `tallied` {device: {entries, exits, paid, free, declined, irregular}} and `irregular` {(device, what): count}.
    Consented passages are compared one by one by (device, way, handle); those without consent, the free ones and the
    ways of both by the tallies' sums per device; evasions by the irregular records.

    A full outbox folds consented passages into a tally, where they are paid and not declined: so many missing handles,
    and no more, are there after all. `held` is what devices have counted and not told yet, per device with the members
    of `tallied`: it is neither lost nor told, and so are `held_nullifiers`. `repeated` is how often one medium rightly
    passed one gate more than once (a day pass), or by a hand's doing, which looks like a duplicate to whoever knows
    only the table. What a dying device may or may not have noted (`uncertain`) is neither lost nor invented.

    `decided` is how often each gate decided so, with the members of `KINDS`. Without it every evasion is to be reported
    as such, which only a gate can do that nothing deceives.
    """
    passages: dict[str, Counter[tuple[str, str]]] = {}
    for device, way, handle in facts["passages"]:
        passages.setdefault(device, Counter())[way, handle] += 1
    total: Counter[str] = Counter()
    spent = set(facts.get("spent", ()))
    for device in (
        set(expected) | set(passages) | set(facts["tallied"]) | {name for name, _ in facts["irregular"]} | set(held)
    ):
        lane = _Lane(
            expected.get(device, LaneExpectation()),
            passages.get(device, Counter()),
            Counter(facts["tallied"].get(device, {})) + Counter(held.get(device, {})),
            Counter({what: count for (name, what), count in facts["irregular"].items() if name == device}),
            facts.get("erased", set()),
        )
        total += lane.reckoned(None if decided is None else decided.get(device, {}), spent | held_nullifiers)
    tallied = sum(tally["entries"] + tally["exits"] for tally in facts["tallied"].values())
    irregular = sum(facts["irregular"].values()) + sum(tally["irregular"] for tally in facts["tallied"].values())
    still_held = sum(counts.get("entries", 0) + counts.get("exits", 0) for counts in held.values())
    return Reckoning(
        lost=total["lost"],
        invented=total["invented"],
        recorded=len(facts["passages"]),
        tallied=tallied,
        held=still_held,
        erased=total["erased"],
        spent=len(spent),
        repeated=total["repeated"],
        meddled=total["meddled"],
        misjudged=total["misjudged"],
        irregular=irregular,
    )


class _Lane:
    """What one lane's riders did, and what the table has of it."""

    def __init__(
        self,
        lane: LaneExpectation,
        passages: Counter[tuple[str, str]],
        tally: Counter[str],
        irregular: Counter[str],
        erasures: Set[str],
    ) -> None:
        self.lane = lane
        self.passages = passages
        self.tally = tally
        self.irregular = irregular
        self.lost: Counter[str] = Counter()
        self.invented: Counter[str] = Counter()
        self.wanted = Counter((lane.way, handle) for handle in lane.handles)
        self.wanted += Counter({(lane.way, handle): count for handle, count in lane.again.items()})
        absent = self.wanted - passages
        self.erased = 0
        if erasures:
            self.erased = sum(count for (_, handle), count in absent.items() if fingerprint(handle) in erasures)
        self.folded = tally["paid"] - tally["declined"]
        missing = absent.total() - self.erased
        allowed = self.wanted + Counter((lane.way, handle) for handle in lane.uncertain_handles)
        self.lost[CONSENTED] = missing - min(missing, self.folded)
        self.invented[CONSENTED] = (passages - allowed).total() + max(0, self.folded - missing)
        self._compare(DECLINED, tally["declined"], lane.declined, lane.uncertain.get(PASSED_DECLINED, 0))
        self._compare(FREE, tally["free"], lane.free, lane.uncertain.get(PASSED_FREE, 0))
        # Who pays goes the lane's own way, and tallies count each passage once by its way.
        other = "exits" if lane.way == "entry" else "entries"
        self.lost[_WAYS] = self.invented[_WAYS] = tally[other]

    def _compare(self, kind: str, found: int, truth: int, uncertain: int = 0) -> None:
        self.lost[kind] += max(0, truth - found)
        self.invented[kind] += max(0, found - truth - uncertain)

    def reckoned(self, decided: Mapping[str, int] | None, used_up: Set[str]) -> Counter[str]:
        """This lane's part of the reckoning. `used_up` are the nullifiers that are known as used."""
        lane = self.lane
        unspent = lane.nullifiers - used_up
        total = Counter(erased=self.erased, repeated=sum(1 for count in lane.again.values() if count))
        if lane.touches:
            twice = (handle for (_, handle), count in self.passages.items() if count > 1)
            total["repeated"] += sum(1 for handle in twice if not lane.again[handle])
        wire_lost = wire_invented = spare_nullifiers = 0
        if decided is None:
            self._irregular_by_riders()
        else:
            wire_lost, wire_invented, spare_nullifiers = self._by_decisions(decided, total)
        lost, invented = self.lost.total(), self.invented.total()
        # Hands: nothing that the wire did is explained by them.
        by_hand_lost = min(lost - wire_lost, lane.meddled)
        by_hand_invented = min(invented - wire_invented, lane.meddled + lane.touches)
        by_hand = unspent & lane.meddled_nullifiers
        total["lost"] = lost - by_hand_lost + max(0, len(unspent - by_hand) - spare_nullifiers)
        total["invented"] = invented - by_hand_invented
        total["meddled"] = by_hand_lost + by_hand_invented + len(by_hand)
        return total

    def _irregular_by_riders(self) -> None:
        """Every evader is to be reported. What a gate makes of somebody who jumps is the detector's business: as a
        tailgate, or as nothing; and a device that boots with a rider in it can't know who that is."""
        lane, found = self.lane, self.irregular
        uncertain = lane.uncertain.get(TAILGATED, 0) + lane.intruders
        self._compare(IRREGULAR, found["tailgate"] + self.tally["irregular"], lane.tailgates, uncertain)
        others = found.total() - found["tailgate"]
        self.invented[IRREGULAR] += max(0, others - lane.unobserved - lane.intruders)

    def _by_decisions(self, decided: Mapping[str, int], total: Counter[str]) -> tuple[int, int, int]:
        """Hold the table against what the gate decided, and that against what riders did.

        Returns what the table lacks of the decisions and has beyond them, and how many nullifiers may be missing
        because a gate took who used them for nobody.
        """
        lane, tally = self.lane, self.tally
        riders = {
            CONSENTED: self.wanted.total(),
            DECLINED: lane.declined,
            FREE: lane.free,
            IRREGULAR: lane.tailgates + lane.intruders,
        }
        found = {
            CONSENTED: self.passages.total() + self.erased + self.folded,
            DECLINED: tally["declined"],
            FREE: tally["free"],
            IRREGULAR: self.irregular.total() + tally["irregular"],
        }
        wire_lost = wire_invented = spare = 0
        for kind in KINDS:
            by_gate = decided.get(kind, 0)
            # A gate that died may have decided what it could not note any more, or noted what nobody heard it decide.
            lost = max(0, by_gate - found[kind] - lane.unobserved)
            invented = max(0, found[kind] - by_gate - lane.unobserved)
            short, excess = max(0, riders[kind] - by_gate), max(0, by_gate - riders[kind])
            if kind == IRREGULAR:
                total["misjudged"] += short + excess
                self.lost[kind], self.invented[kind] = lost, invented
            else:
                explained_lost = min(self.lost[kind] - min(self.lost[kind], lost), short)
                explained_invented = min(self.invented[kind] - min(self.invented[kind], invented), excess)
                total["misjudged"] += explained_lost + explained_invented
                self.lost[kind] = max(lost, self.lost[kind] - explained_lost)
                self.invented[kind] = max(invented, self.invented[kind] - explained_invented)
                spare += short * (kind != FREE)
            wire_lost += lost
            wire_invented += invented
        return wire_lost, wire_invented, spare
