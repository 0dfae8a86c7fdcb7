"""The attacks' guesses held against the truth: how many are right, and what a guesser would have reached.

Rules: only this module sees the week's truth beside what an attack returned. The guesser of `chance` knows the
question, and draws among the same candidates; the number is exact, not drawn.

Pure. Does not belong here: running the week; how it is printed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.linkage import attacks
from simulator.linkage.attacks import Cell, Question
from simulator.linkage.baseline import loads, taps
from simulator.linkage.evidence import Message, Rows
from simulator.linkage.findings import Finding
from simulator.linkage.located import declined_located, located
from simulator.linkage.traces import QUARTER_MS, Point, of_cards
from simulator.linkage.week import Passage, Week
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
        sort = "declined" if not sale.consent else "ahead" if sale.ahead else "late"
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


def shortest_place_ms(known: Known) -> int | None:
    """The shortest time in which a rider who declined is placed; None where nobody is."""
    claims = located(known.log, known.rows, known.outcomes()).values()
    return min((claim.end_ms - claim.start_ms for claim in claims), default=None)


# --- the same questions to the usual record --------------------------------------------------------------------------


def baseline_sales(week: Week) -> Finding:
    """Sale to passage by the card's number: the next tap of the card that was loaded."""
    traces = of_cards(taps(week))
    first: dict[int, Passage] = {}
    for passage in week.passages:
        first.setdefault(passage.sale, passage)
    hits = trials = 0
    for sale, load in zip(week.sales, loads(week), strict=True):
        trials += 1
        # Whose it is, is known at once; a hit is asked to be the passage that this very sale paid for.
        own = [point for point in traces[load.card] if point.at_ms >= load.at_s * 1000]
        mine = first[sale.number]
        hits += bool(own) and (mine.at_ms // 1000 * 1000, mine.gate) in [(one.at_ms, one.gate) for one in own]
    return Finding(hits, trials, 0.0)


def baseline_days(week: Week) -> Finding:
    """One person's passages of two days, by the card's number."""
    days_of: dict[str, set[int]] = {}
    for passage in week.passages:
        days_of.setdefault(passage.person, set()).add(passage.day)
    traces = of_cards(taps(week))
    trials = sum(day + 1 in mine for mine in days_of.values() for day in mine)
    hits = sum(day + 1 in mine and card in traces for card, mine in days_of.items() for day in mine)
    return Finding(hits, trials, 0.0)
