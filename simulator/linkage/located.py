"""Which riders who said no can be placed at one gate and time: by an attack that has the database and the broker's log.

A rider who declined and passed is *located* when some row or message, alone or by difference with others, singles out
exactly one such rider's passage at one gate within less than a service day, or carries a handle of theirs. In detail
the attack claims a place and time

1. for each passage (row or record) whose handle is no consented rider's of the truth: it is somebody's who said no;
2. for each tally (row or record) that counts one declined rider over less than a service day;
3. for each two such counts of one gate, one within the other, that differ by one: the time which they don't share;
4. for each tally that was not made when an interval ended, but in between: a gate that closes a tally as somebody
   passes tells when. The time when it was made lies between what its neighbours by sequence number, health's count of
   waiting records and its first arrival allow.

What is claimed is then held against the truth: it counts when it is true of exactly one passage. (1) is the only claim
that asks the truth first; an operator would not know which handle to look at, and this makes the attack stronger, not
weaker.

What is not a location, and why. A tally of ten says of each of them "one of ten"; that is what it is for. That just
one of them passed in its last interval is likely and doesn't follow: `attacks.tenths` guesses so, with a figure of
its own. A nullifier in a `spent` record is a random number that is seen once, and nothing that the operator has
carries it a second time but the spent set, which keeps no gate and no time; so it places a pass, and nobody's.
Whoever *knows a pass's nonce* (a kiosk that lies, a photograph) recognises it and does locate its rider: that is
another attack, with its own figure in docs/attacks.md, and so is what the number of nullifiers tells about products.

Pure: no I/O. It costs time in proportion to the log, and to the square of the tallies of one gate for (3).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from simulator.linkage.evidence import Message, Rows, Seen, body_of, first_seen, without_scenes
from simulator.truth import DAY_MS, PASSED_DECLINED, UNOBSERVED, Outcome

QUARTER_MS = 900_000

# A device may be busy when an interval ends, or its clock and the broker's may differ by so much.
GRACE_MS = 2_000


class Claim(NamedTuple):
    """The attack says: just one rider who declined passed `device` in [start_ms, end_ms). `why` is the rule's name."""

    device: str
    start_ms: int
    end_ms: int
    why: str


class Count(NamedTuple):
    """So many declined riders passed `device` in [start_ms, end_ms)."""

    device: str
    start_ms: int
    end_ms: int
    declined: int


def declined_located(log: Iterable[Message], rows: Rows, truth: Iterable[Outcome]) -> int:
    """How many declined riders the attack places.

    `log` is everything that the broker passed on, with the epoch ms of its arrival; `rows` the database's tables (at
    least `passages` and `tallies`, each row as column -> value); `truth` the riders' outcomes, as simulator/truth.py
    writes them (a second line `unobserved` takes a rider out).
    """
    return len(located(log, rows, truth))


def located(log: Iterable[Message], rows: Rows, truth: Iterable[Outcome]) -> dict[str, Claim]:
    """The riders that the attack places, by name, with the first claim that is true of each."""
    outcomes: dict[str, Outcome] = {}
    consented = set()
    for outcome in truth:
        consented.add(outcome.handle)  # an unobserved rider's too: a dying device may have told it
        if outcome.kind == UNOBSERVED:
            outcomes.pop(outcome.rider, None)
        else:
            outcomes[outcome.rider] = outcome
    declined: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes.values():
        if outcome.kind == PASSED_DECLINED:
            declined[outcome.lane].append(outcome)
    found: dict[str, Claim] = {}
    for claim in claims(log, rows, consented):
        fits = [one for one in declined[claim.device] if claim.start_ms <= one.at < claim.end_ms]
        if claim.why == "handle" and fits:
            # The row is one rider's, however many passed in its time: the one nearest to what it says.
            fits = [min(fits, key=lambda one: abs(one.at - (claim.start_ms + claim.end_ms) // 2))]
        if len(fits) == 1:
            found.setdefault(fits[0].rider, claim)
    return found


def claims(log: Iterable[Message], rows: Rows, consented: Iterable[str | None]) -> list[Claim]:
    """Everything that the attack says; `consented` are the handles that riders have agreed to be seen under."""
    messages = without_scenes(log)
    seen = first_seen(messages)
    known = set(consented)
    passages = [dict(row) for row in rows.get("passages", ())]
    passages += [{"device": one.device, **one.record} for one in seen if one.record.get("kind") == "passage"]
    counts = {_count(row, "from_ms", "to_ms") for row in rows.get("tallies", ())}
    tallies = [one for one in seen if one.record.get("kind") == "tally"]
    counts |= {_count({"device": one.device, **one.record}, "from", "to") for one in tallies}
    by_gate: dict[str, list[Count]] = defaultdict(list)
    for count in sorted(counts):
        by_gate[count.device].append(count)
    made: dict[Claim, None] = {}
    for passage in passages:
        if passage["handle"] not in known:
            made[_of_passage(passage["device"], passage["at"])] = None
    for gate in by_gate.values():
        for claim in _of_counts(gate):
            made[claim] = None
    for claim in _of_moments(messages, seen, tallies):
        made[claim] = None
    return list(made)


def _count(row: Mapping[str, Any], start: str, end: str) -> Count:
    return Count(row["device"], row[start], row[end], row["declined"])


def _of_passage(device: str, at: int) -> Claim:
    """A time that is a whole quarter hour is one rounded down; else it is the moment itself, give or take."""
    if at % QUARTER_MS == 0:
        return Claim(device, at, at + QUARTER_MS, "handle")
    return Claim(device, at - GRACE_MS, at + GRACE_MS, "handle")


def _of_counts(counts: list[Count]) -> Iterable[Claim]:
    """Rules 2 and 3 on the counts of one gate."""
    for one in counts:
        if one.declined == 1 and one.end_ms - one.start_ms < DAY_MS:
            yield Claim(one.device, one.start_ms, one.end_ms, "tally of one")
    by_start = sorted(counts, key=lambda one: (one.start_ms, -one.end_ms))
    for index, outer in enumerate(by_start):
        for inner in by_start[index + 1 :]:
            if inner.start_ms >= outer.end_ms:
                break
            if inner.end_ms > outer.end_ms or inner.declined == outer.declined:
                continue
            # What lies in the outer one alone: before the inner one, behind it, or (then nobody knows which) both.
            if outer.declined - inner.declined == 1:
                if inner.start_ms == outer.start_ms:
                    yield Claim(outer.device, inner.end_ms, outer.end_ms, "difference")
                elif inner.end_ms == outer.end_ms:
                    yield Claim(outer.device, outer.start_ms, inner.start_ms, "difference")


def _of_moments(log: list[Message], seen: list[Seen], tallies: list[Seen]) -> Iterable[Claim]:
    """Rule 4: when each tally came to be, where that is not the end of its interval."""
    by_boot: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    for one in seen:
        by_boot[one.device, one.boot].append(one)
    for boot in by_boot.values():
        boot.sort(key=lambda one: one.seq)
    numbers = _numbers_by_health(log)
    for tally in tallies:
        if tally.record.get("folds", 1) != 1:
            continue
        start_ms, end_ms = 0, tally.at_ms
        for other in by_boot[tally.device, tally.boot]:
            at = other.record.get("at")
            # A whole quarter hour is no moment; a boot comes before the device has looked at its intervals.
            if not isinstance(at, int) or at % QUARTER_MS == 0 or other.record.get("what") == "boot":
                continue
            if other.seq < tally.seq:
                start_ms = max(start_ms, at)
            elif other.seq > tally.seq:
                end_ms = min(end_ms, at)
        for at_ms, next_seq in numbers[tally.device, tally.boot]:
            if next_seq <= tally.seq:
                start_ms = max(start_ms, at_ms - GRACE_MS)
            else:
                end_ms = min(end_ms, at_ms)
        if start_ms > tally.record["to"] + GRACE_MS and end_ms >= start_ms:
            # Who passed made it close: at the end of that time, or is the first that it does not count.
            yield Claim(tally.device, start_ms, end_ms + GRACE_MS, "moment")


def _numbers_by_health(log: list[Message]) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """(arrival, next sequence number) of each device and boot: what is confirmed, and what waits behind it.

    Only where each waiting record is one number and the count is exact, as emulated devices tell it.
    """
    watermarks: dict[tuple[str, int], int] = {}
    found: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for message in log:
        if message.channel not in ("stored", "health"):
            continue
        body = body_of(message)
        if body is None or not isinstance(body.get("boot"), int):
            continue
        key = (message.device, body["boot"])
        if message.channel == "stored" and isinstance(body.get("seq"), int):
            watermarks[key] = max(watermarks.get(key, 0), body["seq"])
        elif message.channel == "health" and isinstance(body.get("outbox"), int) and body["outbox"] % 16:
            found[key].append((message.at_ms, watermarks.get(key, 0) + body["outbox"]))
    return found
