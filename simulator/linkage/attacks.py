"""The attacks on the promises, each a pure function over what its adversary has: log, rows, and what they know besides.

Rules: an attack returns guesses and never sees the truth; score.py holds them against it. Where an attack has nothing
to choose by, it takes the first in an order without meaning (of handles, which are random). Times are epoch ms.

Adversaries: the *operator* owns gateway and broker: every row, the log with times. A *curious* operator besides notes
when each kiosk asked for a signature, which the gateway does not. An *eye-witness* has seen somebody pass and asks for
the rest.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from simulator.linkage.evidence import Message, Rows, first_seen
from simulator.linkage.traces import QUARTER_MS, Point, of_handles
from simulator.linkage.week import DAY_START_MS, ENTRIES, EXITS, KIOSKS
from simulator.truth import DAY_MS

STATION_OF = {kiosk: station for station, kiosk in KIOSKS.items()}


class Question(NamedTuple):
    """A kiosk's question for a signature, as a curious operator notes it. The key says product and choice.

    `blinded` and `signature` are what was asked and answered: random numbers, unless the blinding fails.
    """

    at_ms: int
    kiosk: str
    product: str
    consent: bool
    blinded: bytes = b""
    signature: bytes = b""


class Cell(NamedTuple):
    """A gate and a quarter hour."""

    gate: str
    start_ms: int


class Guess(NamedTuple):
    """What is guessed, and among how many it was chosen: a guesser without the record hits one in so many."""

    what: Any
    among: int


# --- sale to passage -------------------------------------------------------------------------------------------------


def sales_to_passages(questions: Sequence[Question], rows: Rows) -> list[Guess]:
    """A curious operator: for each question, the handle of the passage that came of it.

    The best that times allow: of the handles first seen after the sale, of the same product, the one whose first entry
    comes soonest, at the kiosk's own station if any does within a quarter hour. A `none` pass has no row: guess None.
    """
    first = _first_entries(rows)
    by_product: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for handle, (at_ms, gate, product) in first.items():
        by_product[product].append((at_ms, handle, gate))
    for entries in by_product.values():
        entries.sort()
    guesses = []
    for question in questions:
        if not question.consent:
            guesses.append(Guess(None, 0))
            continue
        entries = by_product[question.product]
        # A passage told as a quarter hour may lie in the quarter hour of the sale itself.
        after = bisect_left(entries, (question.at_ms - _blur(rows), "", ""))
        end_ms = question.at_ms + 30 * DAY_MS
        if question.product == "day":
            end_ms = ((question.at_ms - DAY_START_MS) // DAY_MS + 1) * DAY_MS + DAY_START_MS
        valid = [entry for entry in entries[after:] if entry[0] < end_ms]
        here = ENTRIES[STATION_OF[question.kiosk]]
        near = [entry for entry in valid if entry[2] in here and entry[0] <= question.at_ms + QUARTER_MS]
        guesses.append(Guess((near or valid)[0][1] if valid else None, len(valid)))
    return guesses


def _first_entries(rows: Rows) -> dict[str, tuple[int, str, str]]:
    first: dict[str, tuple[int, str, str]] = {}
    for row in rows["passages"]:
        if row["way"] == "entry":
            here = (row["at"], row["device"], row["product"])
            first[row["handle"]] = min(first.get(row["handle"], here), here)
    return first


def _blur(rows: Rows) -> int:
    """The resolution that the rows' times have, in ms: a quarter hour, or none."""
    return QUARTER_MS if all(row["at"] % QUARTER_MS == 0 for row in rows["passages"]) else 0


def bytes_in_common(questions: Iterable[Question], log: Iterable[Message], rows: Rows) -> int:
    """A curious operator: how many questions or answers show any 8 bytes that appear elsewhere, as bytes or digits.

    Elsewhere is every message and every row but the sale's own (``issued`` keeps the blind signature, so that who asks
    again gets it again). Random bytes do not meet by chance: 2^-64 for each pair.
    """
    windows: dict[bytes, int] = {}
    for number, question in enumerate(questions):
        for text in (question.blinded, question.signature):
            for start in range(max(0, len(text) - 7)):
                windows[text[start : start + 8]] = number
    common: set[int] = set()
    for elsewhere in _random_looking(log, rows):
        for start in range(max(0, len(elsewhere) - 7)):
            number_found = windows.get(elsewhere[start : start + 8])
            if number_found is not None:
                common.add(number_found)
    return len(common)


def _random_looking(log: Iterable[Message], rows: Rows) -> Iterable[bytes]:
    """Every handle and nullifier in the log, and every text of hex digits and every blob in the rows."""
    for seen in first_seen(log):
        for text in (seen.record.get("handle", ""), *seen.record.get("nullifiers", ())):
            yield bytes.fromhex(text)
    for name, table in rows.items():
        for row in table if name != "issued" else ():
            for value in row.values():
                if isinstance(value, bytes):
                    yield value
                elif isinstance(value, str) and len(value) >= 16 and set(value) <= set("0123456789abcdef"):
                    yield bytes.fromhex(value[: len(value) // 2 * 2])


# --- day to day ------------------------------------------------------------------------------------------------------


def days_to_days(rows: Rows) -> dict[str, Guess]:
    """The operator: for each handle, the handle of the next service day that is the same person's: the most alike.

    Alike is by habit: time of day of first and last passage, gates, product. Nothing else is there.
    """
    traces = of_handles(rows["passages"])
    products = {row["handle"]: row["product"] for row in rows["passages"]}
    by_day: dict[tuple[int, str], list[str]] = defaultdict(list)
    for handle, points in traces.items():
        by_day[_day(points[0].at_ms), products[handle]].append(handle)
    guesses = {}
    for handle, points in traces.items():
        others = by_day.get((_day(points[0].at_ms) + 1, products[handle]), [])
        if others:
            best = min(others, key=lambda other: _unlike(points, traces[other]))
            guesses[handle] = Guess(best, len(others))
    return guesses


def _day(at_ms: int) -> int:
    return (at_ms - DAY_START_MS) // DAY_MS


def _unlike(one: Sequence[Point], other: Sequence[Point]) -> float:
    """How unlike two days are, in minutes: another gate counts as ten, another station as an hour."""
    total = 0.0
    for mine, theirs in ((one[0], other[0]), (one[-1], other[-1])):
        apart_ms = abs((mine.at_ms - theirs.at_ms + DAY_MS // 2) % DAY_MS - DAY_MS // 2)
        total += apart_ms / 60_000
        if mine.gate != theirs.gate:
            total += 10 if mine.gate.split("-")[0] == theirs.gate.split("-")[0] else 60
    return total + 15 * abs(len(one) - len(other))


# --- order -----------------------------------------------------------------------------------------------------------


def orders(log: Iterable[Message]) -> dict[Cell, list[str]]:
    """The operator: the handles of each gate and quarter hour in the order in which they passed.

    The guess is the order of their numbers, which is that of their arrival.
    """
    groups: dict[Cell, list[tuple[int, int, str]]] = defaultdict(list)
    for seen in first_seen(log):
        if seen.record.get("kind") == "passage":
            cell = Cell(seen.device, seen.record["at"] // QUARTER_MS * QUARTER_MS)
            groups[cell].append((seen.boot, seen.seq, seen.record["handle"]))
    return {cell: [handle for _, _, handle in sorted(group)] for cell, group in sorted(groups.items())}


# --- a rider who said no ---------------------------------------------------------------------------------------------


def exit_of_declined(entry: Point, rows: Rows) -> Cell:
    """An eye-witness has seen a rider who declined enter; which gate and quarter hour did they leave by?

    The ride's usual time is known from those who agreed. Of the other station's exits the one whose tally then counts
    the most riders who declined, by the hour.
    """
    rides = [
        points[-1].at_ms - points[0].at_ms
        for points in of_handles(rows["passages"]).values()
        if len(points) == 2 and points[0].gate.split("-")[0] != points[1].gate.split("-")[0]
    ]
    at_ms = entry.at_ms + round(median(rides)) if rides else entry.at_ms
    return Cell(_busiest(entry, at_ms, rows), at_ms // QUARTER_MS * QUARTER_MS)


def _busiest(entry: Point, at_ms: int, rows: Rows) -> str:
    exits = exits_from(entry.gate)
    rates = dict.fromkeys(exits, 0.0)
    for tally in rows["tallies"]:
        if tally["device"] in rates and tally["from_ms"] <= at_ms < tally["to_ms"]:
            rates[tally["device"]] = tally["declined"] / (tally["to_ms"] - tally["from_ms"])
    return max(exits, key=lambda gate: rates[gate])


def exits_from(gate: str) -> tuple[str, ...]:
    """The exits of the other station."""
    here = gate.split("-")[0]
    return next(gates for station, gates in EXITS.items() if station != here)


def small_tallies(rows: Rows, below: int) -> tuple[int, int]:
    """The operator: (tallies that count 1 to `below` - 1 declined riders, and the riders in them)."""
    few = [tally["declined"] for tally in rows["tallies"] if 0 < tally["declined"] < below]
    return len(few), sum(few)


def tenths(rows: Rows, interval_ms: int = QUARTER_MS, minimum: int = 10) -> list[Cell]:
    """The operator: the last interval of each tally that counts just as many as a tally must: there was one at least.

    Such a tally had not enough an interval earlier. The guess: just one rider who declined passed in that interval.
    """
    return [
        Cell(tally["device"], tally["to_ms"] - interval_ms)
        for tally in rows["tallies"]
        if tally["entries"] + tally["exits"] == minimum == tally["declined"]
    ]


class Split(NamedTuple):
    """One gate's declined riders of one tally, by what the tally's nullifiers tell of their products."""

    device: str
    start_ms: int
    end_ms: int
    singles: int
    days: int


def products_of_declined(log: Iterable[Message], rows: Rows) -> list[Split]:
    """The operator: how many of each tally's declined riders had a single, and how many a day pass.

    An entry gate tells one nullifier for each single, in records that come with its tally; those of the riders who
    agreed are known from their passages, and the rest had day passes. Only gates that tell nullifiers at all.
    """
    tallies: list[tuple[int, str, int, int, int]] = []
    nullifiers: dict[tuple[str, int], int] = defaultdict(int)
    for seen in first_seen(log):
        record = seen.record
        if record.get("kind") == "tally" and record["folds"] == 1:
            tallies.append((seen.at_ms, seen.device, record["from"], record["to"], record["declined"]))
        elif record.get("kind") == "spent":
            nullifiers[seen.device, seen.at_ms] += len(record["nullifiers"])
    telling = {device for device, _ in nullifiers}
    singles: dict[str, list[int]] = defaultdict(list)
    for row in rows["passages"]:
        if row["way"] == "entry" and row["product"] == "single":
            singles[row["device"]].append(row["at"])
    splits = []
    for at_ms, device, start_ms, end_ms, declined in tallies:
        if device in telling:
            # They set out together; the first batch may be full.
            near = sum(
                count for (who, when), count in nullifiers.items() if who == device and abs(when - at_ms) < 5_000
            )
            agreed = sum(1 for at in singles[device] if start_ms <= at < end_ms)
            splits.append(Split(device, start_ms, end_ms, near - agreed, declined - (near - agreed)))
    return splits


# --- consent ---------------------------------------------------------------------------------------------------------


def choice_by_majority(consents: Sequence[Mapping[str, Any]]) -> bool:
    """The operator saw somebody buy: did they agree? All that is stored are counts, so: what most did."""
    return bool(sum(one["research"] for one in consents) >= sum(one["none"] for one in consents))
