"""docs/attacks.md, from what the attacks measured. Drawing only: Results in, Markdown out."""

import re
import textwrap
from collections.abc import Sequence

from simulator.linkage.findings import Finding
from simulator.linkage.measure import POINTS, OfSite, Results, UnicityTable
from simulator.linkage.traces import PLACES, RESOLUTIONS

COMMAND = ".venv/bin/python -m tests.privacy.renew_attacks"

_HEAD = """# The promises, attacked

Made by `{command}`; a test makes it again and compares. {people} people live a week at a site of two
stations with eight gates: commuters with their habits, people who come now and then, visitors with a day
pass. They buy {sales:,} passes and make {passages:,} passages, {declined:,} of them without consent. Every
passage went through the gates' firmware, every message through the gateway's own pipeline into its
database, once by the rules of a physical site and once by those of an emulated one. What is attacked is
what is left: every row, and every message with the time at which the broker had it. Beside it stands the
*usual record* of the same week: card number, gate, second.

A figure is the share of guesses that are right, with its 95 % interval and, after *guess*, what somebody
would reach who has the question but not the record. Where that lies inside the interval the attack has
learnt nothing that this week could show. The week is made up; so the figures compare records, and say
nothing of a real city.

## What is learnt

| adversary asks | usual record | emulated site | physical site |
|---|---|---|---|
"""

_WORDS = """
- **Sale.** The gateway signs blindly, so nothing joins a sale to its pass but time: who buys and goes
  straight through a gate is found by a *curious* operator, one who notes when each kiosk asked (the gateway
  does not), as far as the gate tells when. Who bought ahead is not found. What the kiosks asked and were
  answered has no eight bytes in common with any other message or row: {common} of {asked:,} questions.
- **The choice.** Each question names its key, so the product and the choice. Who notes the questions' times and
  sees the kiosk knows what each buyer chose; what is stored says only how many chose what.
- **Two days.** No number joins two days. Habits do, for those who agreed: who passes the same gates at the same time
  each morning looks alike, at any resolution.
- **Order.** A physical gate holds what it has for a quarter hour and shuffles it: the order of arrival says nothing.
- **The exit** of who declined is hardly better than guessed: how long rides take is known without any record, and which
  of two exits counts more riders says little.
- **Placed.** Nobody who declined has a row or a message. They are in tallies of at least ten, but for the last tally of
  a service day, which holds who is left: {alone}
- **The tenth.** A tally that counts just ten had not enough a quarter hour earlier, so at least one of the ten
  passed in its last quarter hour. Often it was just one; which of the ten, nothing says.
- **Products.** An entry gate tells a nullifier for each single with its tally, so the rest of the tally had day
  passes. Where just one had, that is known of somebody among the ten; no more than that.
- **A kiosk that lies** keeps the number of each pass that it draws. With a number the operator finds every row of who
  agreed, and of who declined the gate and the tally in which a single was used (half of them within
  {hours_of_use:.1f} hours). Exits and day passes of who declined leave nothing that a number finds.
- A *scene*, the picture of an emulated lane for the eye, shows every body at its gate and second. It is drawn by the
  simulator, a physical site can't have one (the gateway refuses it), and it is left out here.

## Unicity

Who knows that somebody passed at some points, and how exactly, looks for the only trace that has them all
(de Montjoye and others, "Unique in the Crowd", 2013): the share of traces that are found. A trace is what
the record joins: in the usual record a card's week ({card_points:.1f} points), here a handle's day
({handle_points:.1f} points, and none of who declined). So there is less to find, too: in brackets how many
further points each find gives away. A dash: fewer than {least} traces have so many points.
"""

_SMALL = """
## Small tallies

| tallies of a week that count | tallies | riders who declined in them |
|---|---:|---:|
"""

_STOLEN = """
## A gate's key is stolen

Key and broker password of gate north-1 are in a thief's hands, who can read all that passes the broker (it
has no topic rules), and sends:

| what | emulated site | physical site |
|---|---|---|
"""

_STOLEN_WORDS = """
The seal says which device spoke, not that it spoke the truth: under its own name it is believed. A thief's record takes
a sequence number that the gate itself will use, and the gate's own record is then a duplicate. A stolen gate is to be
taken out of service and given a new name.

## Old messages again

Every batch of the week was put on the broker once more: {replays}. What lies below the watermark is never
stored again.
"""

_LEAST = 20
_WIDTH = 120


def page(results: Results) -> str:
    """The whole document."""
    return _wrapped(_text(results))


def _wrapped(text: str) -> str:
    """Prose and lists filled to the width that documents have; tables and titles as they are."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if paragraph.lstrip().startswith(("|", "#")):
            paragraphs.append(paragraph)
            continue
        items = re.split(r"\n(?=- )", paragraph)
        paragraphs.append(
            "\n".join(
                textwrap.fill(
                    " ".join(item.split()),
                    _WIDTH,
                    subsequent_indent="  " if item.startswith("- ") else "",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
                for item in items
            )
        )
    return "\n\n".join(paragraphs).rstrip("\n") + "\n"


def _text(results: Results) -> str:
    week = results.week
    head = _HEAD.format(
        command=COMMAND,
        people=len(week.people),
        sales=len(week.sales),
        passages=len(week.passages),
        declined=sum(not passage.consent for passage in week.passages),
    )
    emulated, physical = results.sites["emulated"], results.sites["physical"]
    handles = len({(passage.sale, passage.day) for passage in week.passages if passage.consent})
    agreed = sum(passage.consent for passage in week.passages)
    words = _WORDS.format(
        common=physical.common,
        asked=len(week.sales),
        alone=_alone(emulated, physical),
        hours_of_use=physical.hours_of_use,
        card_points=len(week.passages) / len(week.people),
        handle_points=agreed / handles,
        least=_LEAST,
    )
    return (
        head
        + _table(results, emulated, physical)
        + words
        + "".join(
            _unicity(title, table)
            for title, table in (
                ("Usual record", results.usual_unicity),
                ("Emulated site", emulated.unicity),
                ("Physical site", physical.unicity),
            )
        )
        + _SMALL
        + _small(physical)
        + _STOLEN
        + _attempts(emulated, physical)
        + _STOLEN_WORDS.format(replays=_replays(emulated, physical))
    )


def _table(results: Results, emulated: OfSite, physical: OfSite) -> str:
    usual = {name: _cell(finding) for name, finding in results.usual.items()}
    lines = [
        (
            "curious operator: which passage came of this sale? Agreed, bought within two minutes of it",
            "sales late",
            usual["sales late"],
        ),
        ("the same, bought ahead", "sales ahead", usual["sales ahead"]),
        ("the same, declined", "sales declined", usual["sales declined"]),
        ("operator: which passage of the next day is the same person's? Agreed", "days", usual["days"]),
        ("operator: who of two in one quarter hour came first? Agreed", "order", usual["order"]),
        ("eye-witness of an entry: gate and quarter hour of the exit? Declined", "exits", usual["exits"]),
        ("operator: who declined and is alone at one gate within less than a day", "placed", usual["placed"]),
        ("operator: did just one who declined pass in the last quarter hour of a tally of ten?", "tenths", "–"),
        ("operator: tallies in which just one who declined had a single, or just one a day pass", "products", "–"),
        ("lying kiosk and operator: the passages of this pass? Agreed", "lying agreed", "–"),
        ("the same, declined: entry with a single", "lying declined single entry", "–"),
        ("the same, declined: exit with a single", "lying declined single exit", "–"),
        ("the same, declined: entry or exit with a day pass", "lying declined day", "–"),
    ]
    return "".join(
        f"| {what} | {there} | {_cell(emulated.findings[name])} | {_cell(physical.findings[name])} |\n"
        for what, name, there in lines
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f}"


def _cell(finding: Finding) -> str:
    low, high = finding.interval
    text = f"{_percent(finding.share)} % ({_percent(low)} to {_percent(high)})"
    if finding.chance:
        text += f", guess {_percent(finding.chance)}"
    return f"{text}; {finding.hits} of {finding.trials:,}"


def _alone(emulated: OfSite, physical: OfSite) -> str:
    if physical.shortest_place_ms is None:
        return "in this week nobody was left alone."
    both = physical.findings["placed"].hits, emulated.findings["placed"].hits
    told = str(both[0]) if both[0] == both[1] else f"{both[0]} (physical) and {both[1]} (emulated)"
    hours = physical.shortest_place_ms / 3_600_000
    return (
        f"{told} were left alone in one, so that the tally places them between its start and the day's end "
        f"({hours:.2g} hours at the least)."
    )


def _unicity(title: str, table: UnicityTable) -> str:
    text = f"\n**{title}**, by known points:\n\n| known to the | " + " | ".join(map(str, POINTS)) + " |\n|---|"
    text += "---:|" * len(POINTS) + "\n"
    for place in PLACES:
        for resolution in RESOLUTIONS:
            cells = [
                "–" if one.tried < _LEAST else f"{one.unique / one.tried * 100:.0f} % ({one.further:.1f})"
                for one in table[place, resolution]
            ]
            text += f"| {resolution}, {place} | " + " | ".join(cells) + " |\n"
    return text


def _small(site: OfSite) -> str:
    text = ""
    for below, (tallies, riders) in site.small.items():
        text += f"| fewer than {below} who declined | {tallies} of {site.tallies} | {riders} |\n"
    return text


def _attempts(emulated: OfSite, physical: OfSite) -> str:
    return "".join(
        f"| {what} | {_outcome(one)} | {_outcome(other)} |\n"
        for (what, one), (_, other) in zip(emulated.attempts, physical.attempts, strict=True)
    )


def _outcome(outcome: str) -> str:
    return f"refused: `{outcome}`" if "_" in outcome or outcome == "malformed" else outcome


def _replays(emulated: OfSite, physical: OfSite) -> str:
    def told(name: str, replayed: Sequence[int]) -> str:
        return f"{replayed[0]:,} batches of the {name} site, {replayed[1]} rows changed"

    return f"{told('emulated', emulated.replayed)}; {told('physical', physical.replayed)}"
