"""The scorecard as a person reads it: a sentence, then tables of at most 80 columns. Drawing only.

A table without a row is left out.
"""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.study import join
from simulator.study.scorecard import Figure, Scorecard
from simulator.world import behaviours as b

_LANES_SHOWN = 12


def view(card: Scorecard, title: str, notes: Sequence[str] = ()) -> RenderableType:
    """Everything that the scorecard says, one table under the other; `notes` are sentences beneath the first."""
    parts: list[RenderableType] = [Text(title, style="bold"), Text(card.conclusion()), *map(Text, notes)]
    for heading, table in (
        ("Evidence", _summary(card)),
        ("Who is accused wrongly", _kinds(card)),
        ("What is noticed", _evasions(card)),
        ("Truth (down) against report (across)", _confusion(card)),
        ("Throughput, persons a minute", _lanes(card)),
    ):
        if table.row_count:
            parts += [Text(""), Text(heading, style="bold"), table]
    return Group(*parts)


def show(card: Scorecard, title: str, console: Console, notes: Sequence[str] = ()) -> None:
    """Print it."""
    console.print(view(card, title, notes))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _number(figure: Figure, factor: float = 1.0, digits: int = 1) -> tuple[str, str]:
    """The value and its interval."""
    scaled = figure.times(factor)
    if scaled.value is None:
        return "–", ""
    value = f"{scaled.value:.{digits}f}"
    if scaled.interval is None:
        return value, ""
    return value, f"{scaled.interval[0]:.{digits}f} to {scaled.interval[1]:.{digits}f}"


def _summary(card: Scorecard) -> Table:
    total = card.total
    table = _table("", "figure", "95 %")
    table.add_row("honest passages", f"{total.honest.total():,}", "")
    table.add_row("evasions", f"{total.evaders.total():,}", "")
    table.add_row("evasion rate, %", *_number(card.evasion_rate(), 100, 2))
    table.add_row("false accusations / 10,000 honest passages", *_number(card.false_accusations(), 10_000))
    table.add_row("recall: evasions noticed, %", *_number(card.recall(), 100))
    table.add_row("precision: accusations that were right, %", *_number(card.precision(), 100))
    table.add_row("accusations that fell on nobody", f"{total.matches[join.PHANTOM]:,}", "")
    table.add_row("accusations repeated of one evader", f"{total.matches[join.REPEATED]:,}", "")
    table.add_row("other reports that nobody answers to", f"{total.matches[join.SPURIOUS]:,}", "")
    table.add_row("riders who gave up at a gate", f"{total.outcomes[b.GAVE_UP]:,}", "")
    waits = card.waiting_s()
    if waits["mean"] is not None:
        table.add_row("waiting, s: mean / median", f"{waits['mean'] or 0:.1f} / {waits['p50'] or 0:.0f}", "")
        table.add_row("waiting, s: 95th percentile / longest", f"{waits['p95'] or 0:.0f} / {waits['max'] or 0:.0f}", "")
    return table


def _kinds(card: Scorecard) -> Table:
    total = card.total
    table = _table("honest riders with", "passages", "accused", "%", "95 %")
    for kind in sorted(total.honest, key=lambda kind: -total.honest[kind]):
        share, interval = _number(card.accused_honest(kind), 100, 2)
        table.add_row(kind, f"{total.honest[kind]:,}", f"{total.accused_riders[kind]:,}", share, interval)
    return table


def _evasions(card: Scorecard) -> Table:
    total = card.total
    table = _table("evasion", "riders", "noticed", "%", "95 %")
    for outcome in sorted(total.evaders, key=lambda outcome: -total.evaders[outcome]):
        share, interval = _number(card.recall(outcome), 100)
        table.add_row(outcome, f"{total.evaders[outcome]:,}", f"{total.caught[outcome]:,}", share, interval)
    return table


def _confusion(card: Scorecard) -> Table:
    total = card.total
    whats = sorted({what for _, what in total.confusion})
    wrongly = sorted({what for _, what in total.accused_as})
    table = _table("", *whats, *(f"wrongly {what}" for what in wrongly))
    for outcome in sorted(total.outcomes):
        counts = [total.confusion[outcome, what] for what in whats]
        counts += [total.accused_as[outcome, what] for what in wrongly]
        table.add_row(outcome, *(f"{count:,}" if count else "·" for count in counts))
    return table


def _lanes(card: Scorecard) -> Table:
    found = card.throughput_per_min()
    table = _table("lane", "over the run", "busiest quarter hour")
    shown = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))[:_LANES_SHOWN]
    for lane, (mean, busy) in sorted(shown):
        table.add_row(lane, f"{mean:.1f}", f"{busy:.1f}")
    if len(found) > _LANES_SHOWN:
        table.add_row(f"and {len(found) - _LANES_SHOWN} lanes less busy", "", "")
    return table
