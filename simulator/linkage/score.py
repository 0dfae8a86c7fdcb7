"""The attacks' guesses held against the truth: how many are right, and what a guesser would have reached.

Rules: only this module sees the week's truth beside what an attack returned. The guesser of `chance` knows the
question, and draws among the same candidates; the number is exact, not drawn.

Pure. Does not belong here: running the week; how it is printed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from simulator.linkage import attacks, kiosk_lies
from simulator.linkage.attacks import Cell, Question
from simulator.linkage.baseline import loads, taps
from simulator.linkage.evidence import Message, Rows
from simulator.linkage.findings import Finding
from simulator.linkage.kiosk_lies import Kept
from simulator.linkage.located import declined_located, located
from simulator.linkage.traces import QUARTER_MS, Point, of_cards
from simulator.linkage.week import Passage, Sale, Week
from simulator.truth import PASSED_CONSENTED, PASSED_DECLINED, Outcome, handle_of


@dataclass(frozen=True)
class Known:
    """Everything: the operator's side, and the truth behind it. `nonces` by the number of the sale."""

    week: Week
    log: Sequence[Message]
    rows: Rows
    questions: Sequence[Question]
    nonces: Mapping[int, bytes]

    def handle(self, passage: Passage) -> str:
        """What the passage's handle is, or would be had they agreed."""
        return handle_of(self.nonces[passage.sale], passage.day)

    def outcomes(self) -> list[Outcome]:
        """The passages as the truth's log has them, each a rider of their own."""
        return [
            Outcome(
                f"passage-{number}",
                passage.gate,
                passage.way,
                PASSED_CONSENTED if passage.consent else PASSED_DECLINED,
                passage.consent,
                passage.product,
                self.handle(passage) if passage.consent else None,
                passage.at_ms,
            )
            for number, passage in enumerate(self.week.passages)
        ]


def sales(known: Known) -> dict[str, Finding]:
    """Sale to passage, for those who agreed (bought at the last minute, ahead) and those who declined."""
    first: dict[int, str] = {}
    for passage in known.week.passages:
        first.setdefault(passage.sale, known.handle(passage))
    hits = {"late": 0, "ahead": 0, "declined": 0}
    trials = dict.fromkeys(hits, 0)
    chance = dict.fromkeys(hits, 0.0)
    for sale, guess in zip(known.week.sales, attacks.sales_to_passages(known.questions, known.rows), strict=True):
        sort = _sort(sale)
        trials[sort] += 1
        if guess.what is not None:
            hits[sort] += guess.what == first.get(sale.number)
            chance[sort] += 1 / guess.among
    return {sort: Finding(hits[sort], trials[sort], chance[sort] / max(1, trials[sort])) for sort in hits}


def days(known: Known) -> Finding:
    """One person's passages of two days that follow each other."""
    person_of = {known.handle(passage): passage.person for passage in known.week.passages if passage.consent}
    product_of = {known.handle(passage): passage.product for passage in known.week.passages}
    day_of = {known.handle(passage): passage.day for passage in known.week.passages}
    own: dict[tuple[str, int, str], int] = {}
    for handle, person in person_of.items():
        key = (person, day_of[handle], product_of[handle])
        own[key] = own.get(key, 0) + 1
    hits = trials = 0
    chance = 0.0
    for handle, guess in attacks.days_to_days(known.rows).items():
        person = person_of[handle]
        again = own.get((person, day_of[handle] + 1, product_of[handle]), 0)
        if again:
            trials += 1
            hits += person_of[guess.what] == person
            chance += again / guess.among
    return Finding(hits, trials, chance / max(1, trials))


def order(known: Known) -> Finding:
    """Which of two who passed one gate in one quarter hour came first. (Pairs of one group hang together a little.)"""
    at: dict[tuple[str, Cell], int] = {}
    for passage in known.week.passages:
        at[known.handle(passage), Cell(passage.gate, passage.at_ms // QUARTER_MS * QUARTER_MS)] = passage.at_ms
    hits = trials = 0
    for cell, group in attacks.orders(known.log).items():
        for index, one in enumerate(group):
            for other in group[index + 1 :]:
                trials += 1
                hits += at[one, cell] < at[other, cell]
    return Finding(hits, trials, 0.5)


def exits(known: Known) -> Finding:
    """A rider who declined was seen to enter: gate and quarter hour of their exit.

    The guesser knows how long rides take too, and draws one of the exits.
    """
    hits = trials = 0
    chance = 0.0
    ends = {passage.trip: passage for passage in known.week.passages if passage.way == "exit"}
    for passage in known.week.passages:
        if passage.way != "entry" or passage.consent:
            continue
        end = ends[passage.trip]
        guess = attacks.exit_of_declined(Point(passage.at_ms, passage.gate), known.rows)
        trials += 1
        hits += guess == Cell(end.gate, end.at_ms // QUARTER_MS * QUARTER_MS)
        if guess.start_ms == end.at_ms // QUARTER_MS * QUARTER_MS:
            chance += 1 / len(attacks.exits_from(passage.gate))
    return Finding(hits, trials, chance / max(1, trials))


def placed(known: Known) -> Finding:
    """Riders who declined, placed at one gate and time by what is stored and the log."""
    outcomes = known.outcomes()
    declined = sum(outcome.kind == PASSED_DECLINED for outcome in outcomes)
    return Finding(declined_located(known.log, known.rows, outcomes), declined, 0.0)


def tenths(known: Known) -> Finding:
    """Just one rider who declined passed in the last quarter hour of a tally of ten.

    The guesser draws one of the quarter hours of the same tally.
    """
    counts: Counter[Cell] = Counter(
        Cell(passage.gate, passage.at_ms // QUARTER_MS * QUARTER_MS)
        for passage in known.week.passages
        if not passage.consent
    )
    starts = {(tally["device"], tally["to_ms"]): tally["from_ms"] for tally in known.rows["tallies"]}
    hits = trials = 0
    chance = 0.0
    for cell in attacks.tenths(known.rows):
        trials += 1
        hits += counts[cell] == 1
        quarters = range(starts[cell.gate, cell.start_ms + QUARTER_MS], cell.start_ms + 1, QUARTER_MS)
        chance += sum(counts[Cell(cell.gate, start_ms)] == 1 for start_ms in quarters) / len(quarters)
    return Finding(hits, trials, chance / max(1, trials))


def shortest_place_ms(known: Known) -> int | None:
    """The shortest time in which a rider who declined is placed; None where nobody is."""
    claims = located(known.log, known.rows, known.outcomes()).values()
    return min((claim.end_ms - claim.start_ms for claim in claims), default=None)


def lying_kiosk(known: Known) -> dict[str, Finding]:
    """What a kiosk that keeps numbers and the operator find together, passage by passage, by who made it.

    A passage is found when a row of its pass has its gate, or when the pass was told as used at its gate in a time that
    holds the passage.
    """
    kept = {sale.number: Kept(sale.at_ms, sale.kiosk, known.nonces[sale.number]) for sale in known.week.sales}
    days = range(known.week.passages[0].day, known.week.passages[-1].day + 1)
    followed = kiosk_lies.follow(kept, known.log, known.rows, days)
    hits: Counter[str] = Counter()
    trials: Counter[str] = Counter()
    for passage in known.week.passages:
        by_way = f"single {passage.way}" if passage.product == "single" else "day"
        sort = "agreed" if passage.consent else f"declined {by_way}"
        trials[sort] += 1
        rows, used = followed[passage.sale]
        in_row = any(gate == passage.gate and at_ms <= passage.at_ms < at_ms + QUARTER_MS for gate, at_ms in rows)
        told = used is not None and used[0] == passage.gate and used[1] <= passage.at_ms < used[2]
        hits[sort] += in_row or told
    return {sort: Finding(hits[sort], trials[sort], 0.0) for sort in sorted(trials)}


def products(known: Known) -> Finding:
    """In how many tallies with nullifiers just one who declined had a single, or just one a day pass; checked."""
    counts: Counter[tuple[str, int, int, str]] = Counter()
    splits = attacks.products_of_declined(known.log, known.rows)
    for split in splits:
        for passage in known.week.passages:
            if not passage.consent and passage.gate == split.device and split.start_ms <= passage.at_ms < split.end_ms:
                counts[split.device, split.start_ms, split.end_ms, passage.product] += 1
    hits = 0
    for split in splits:
        told = {"single": split.singles, "day": split.days}
        alone = [product for product, number in told.items() if number == 1]
        hits += any(counts[split.device, split.start_ms, split.end_ms, product] == 1 for product in alone)
    return Finding(hits, len(splits), 0.0)


def hours_of_use(known: Known) -> float:
    """The median length in hours of the time in which a lying kiosk finds a used single."""
    kept = {sale.number: Kept(sale.at_ms, sale.kiosk, known.nonces[sale.number]) for sale in known.week.sales}
    followed = kiosk_lies.follow(kept, known.log, known.rows, ())
    spans = [used[2] - used[1] for _, used in followed.values() if used is not None]
    return median(spans) / 3_600_000 if spans else 0.0


# --- the same questions to the usual record --------------------------------------------------------------------------


def baseline_sales(week: Week) -> dict[str, Finding]:
    """Sale to passage by the card's number, for the same three sorts of sales: among the card's taps afterwards."""
    traces = of_cards(taps(week))
    first: dict[int, Passage] = {}
    for passage in week.passages:
        first.setdefault(passage.sale, passage)
    hits = dict.fromkeys(("late", "ahead", "declined"), 0)
    trials = dict(hits)
    for sale, load in zip(week.sales, loads(week), strict=True):
        sort = _sort(sale)
        trials[sort] += 1
        mine = Point(first[sale.number].at_ms // 1000 * 1000, first[sale.number].gate)
        hits[sort] += mine in [point for point in traces[load.card] if point.at_ms >= load.at_s * 1000]
    return {sort: Finding(hits[sort], trials[sort], 0.0) for sort in hits}


def _sort(sale: Sale) -> str:
    return "declined" if not sale.consent else "ahead" if sale.ahead else "late"


def baseline_days(week: Week) -> Finding:
    """One person's passages of two days, by the card's number."""
    days_of: dict[str, set[int]] = {}
    for passage in week.passages:
        days_of.setdefault(passage.person, set()).add(passage.day)
    traces = of_cards(taps(week))
    trials = sum(day + 1 in mine for mine in days_of.values() for day in mine)
    hits = sum(day + 1 in mine and card in traces for card, mine in days_of.items() for day in mine)
    return Finding(hits, trials, 0.0)


def baseline_order(week: Week) -> Finding:
    """Which of two who passed one gate in one quarter hour came first, by the second."""
    groups: dict[Cell, list[Passage]] = {}
    for passage in week.passages:
        if passage.consent:
            groups.setdefault(Cell(passage.gate, passage.at_ms // QUARTER_MS * QUARTER_MS), []).append(passage)
    hits = trials = 0
    for group in groups.values():
        for index, one in enumerate(group):
            for other in group[index + 1 :]:
                trials += 1
                hits += (one.at_ms // 1000 < other.at_ms // 1000) == (one.at_ms < other.at_ms)
    return Finding(hits, trials, 0.5)


def baseline_exits(week: Week) -> Finding:
    """Gate and quarter hour of the exit of a declined rider whose entry was seen: the card's next tap."""
    traces = of_cards(taps(week))
    ends = {passage.trip: passage for passage in week.passages if passage.way == "exit"}
    hits = trials = 0
    for passage in week.passages:
        if passage.way != "entry" or passage.consent:
            continue
        seen = Point(passage.at_ms // 1000 * 1000, passage.gate)
        card = next(card for card, points in traces.items() if seen in points)
        after = [point for point in traces[card] if point.at_ms > seen.at_ms]
        trials += 1
        hits += bool(after) and after[0] == Point(ends[passage.trip].at_ms // 1000 * 1000, ends[passage.trip].gate)
    return Finding(hits, trials, 0.0)


def baseline_placed(week: Week) -> Finding:
    """Declined riders' passages that the log has, with gate and second."""
    lines = {(tap.card, tap.gate, tap.at_s) for tap in taps(week)}
    declined = [passage for passage in week.passages if not passage.consent]
    hits = sum((passage.person, passage.gate, passage.at_ms // 1000) in lines for passage in declined)
    return Finding(hits, len(declined), 0.0)
