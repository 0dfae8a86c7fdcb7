"""What copies opened, as figures and as Markdown tables. Runs in, Findings out; nothing is drawn by chance here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from simulator.spending import run as r
from simulator.spending import site as sites
from simulator.spending.run import DELAYS_MIN, MINUTE_MS, Network, Run, Watched
from simulator.spending.site import Site

SEED = 1
_OF_PAGES = (r.SAME, r.STATION, r.ELSEWHERE, r.EXCHANGED)
_APART = (r.LEFT_BY, r.OTHER_EXIT, r.DAY_SAME, r.DAY_OTHER)


@dataclass(frozen=True, slots=True)
class Opened:
    """Of `asked` copies presented at `place`, the share that opened it after each of DELAYS_MIN."""

    site: str
    network: str
    place: str
    spent_pages: int
    asked: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """When gates with so many pages held watched singles (or exchanged ones), and until when; minutes, None: never."""

    site: str
    network: str
    what: str
    spent_pages: int
    watched: int
    never: int
    after_median_min: float | None
    after_most_min: float | None
    bound_kept: int
    """How many were held within tally closing + page interval + twice the delivery."""
    forgotten: int
    held_least_min: float | None
    held_median_min: float | None


@dataclass(frozen=True, slots=True)
class Toured:
    """One single each, presented at one entry gate after the other every five minutes for four hours."""

    site: str
    network: str
    tours: int
    tries: int
    """How often each was presented."""
    least: int
    most: int
    """How often a gate opened, of the tour with the fewest and of that with the most."""
    gates_least: int
    gates_most: int
    """How many gates opened, likewise."""
    most_at_one_gate: int


@dataclass(frozen=True, slots=True)
class Day:
    """How busy one site was: gates, and singles used from the first train to the end of the run."""

    site: str
    gates: int
    entry_gates: int
    singles: int
    singles_in_the_hour: int


@dataclass
class Findings:
    days: list[Day]
    opened: list[Opened]
    learned: list[Learned]
    toured: list[Toured]


def all_sites() -> tuple[Site, ...]:
    return sites.small(), sites.station(), sites.metro()


def measure(of: Iterable[Site] | None = None, networks: Sequence[Network] = r.NETWORKS, seed: int = SEED) -> Findings:
    """Every site with every state of the network; about two minutes for all of them."""
    found = Findings([], [], [], [])
    for site in all_sites() if of is None else of:
        for network in networks:
            ran = Run(site, network, seed).run()
            if network is networks[0]:
                found.days.append(Day(site.name, site.gates, site.entry_gates, ran.singles, ran.singles_in_the_hour))
            _add(found, ran)
    return found


def _add(found: Findings, ran: Run) -> None:
    site, network = ran.site.name, ran.network.name
    for place in (*_OF_PAGES, *_APART):
        for pages in ran.options.spent_pages:
            outcomes = [ran.opened.get((place, delay, pages), []) for delay in DELAYS_MIN]
            if all(outcomes):
                shares = tuple(sum(opened) / len(opened) for opened in outcomes)
                found.opened.append(Opened(site, network, place, pages, len(outcomes[0]), shares))
    for what, group in (("used", ran.watched), ("exchanged", ran.exchanged)):
        found.learned += [_learned(site, network, what, pages, group) for pages in ran.options.spent_pages if group]
    openings = [sum(tour.opened.values()) for tour in ran.tours]
    opened = [len(tour.opened) for tour in ran.tours]
    most = max(max(tour.opened.values()) for tour in ran.tours)
    tries = max(tour.tries for tour in ran.tours)
    row = (len(openings), tries, min(openings), max(openings), min(opened), max(opened), most)
    found.toured.append(Toured(site, network, *row))


def bound_ms(watched: Watched) -> int | None:
    """By when the pages have it, with the network up and room in the pages; None: its tally has not closed."""
    told = r.DELIVERY_MS + r.PAGE_INTERVAL_MS + r.DELIVERY_MS
    return None if watched.closed_ms is None else watched.closed_ms + told


def _learned(site: str, network: str, what: str, pages: int, group: Sequence[Watched]) -> Learned:
    known = [one for one in group if pages in one.learned_ms]
    after = [(one.learned_ms[pages] - one.used_ms) / MINUTE_MS for one in known]
    held = [(one.forgotten_ms[pages] - one.learned_ms[pages]) / MINUTE_MS for one in known if pages in one.forgotten_ms]
    within = sum(1 for one in known if (bound := bound_ms(one)) is not None and one.learned_ms[pages] <= bound)
    return Learned(
        site,
        network,
        what,
        pages,
        len(group),
        len(group) - len(known),
        median(after) if after else None,
        max(after) if after else None,
        within,
        len(held),
        min(held) if held else None,
        median(held) if held else None,
    )


# --- as Markdown -----------------------------------------------------------------------------------------------------


def tables(found: Findings) -> str:
    """All of it, for docs/double-spending.md."""
    lines = [
        "| network | gates | of them entries | singles of the day | of the hour copied |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {day.site} | {day.gates} | {day.entry_gates} | {day.singles:,} | {day.singles_in_the_hour:,} |"
        for day in found.days
    ]
    delays = " | ".join(f"{delay} min" if delay < 60 else f"{delay // 60} h" for delay in DELAYS_MIN)
    for day in found.days:
        lines += [
            "",
            f"Copies that open an entry gate of the {day.site} network, in percent, so long after the first use:",
            "",
        ]
        lines += [
            f"| connection | where | pages | copies | {delays} |",
            "|---|---|---|---:|" + "---:|" * len(DELAYS_MIN),
        ]
        lines += _opened(found, day.site, _OF_PAGES, with_pages=True)
    lines += ["", "Exits (after the first exit) and day passes, whatever the pages and the connection, in percent:", ""]
    lines += [f"| network | where | copies | {delays} |", "|---|---|---:|" + "---:|" * len(DELAYS_MIN)]
    for day in found.days:
        lines += _opened(found, day.site, _APART, with_pages=False)
    lines += ["", "When the pages that a gate holds have a single, and how long at least, in minutes:", ""]
    lines += ["| network | connection | single | pages | never, of | median | longest | forgotten | held at least |"]
    lines += ["|---|---|---|---:|---:|---:|---:|---:|---:|"]
    lines += _learned_rows(found)
    lines += ["", "One single, presented at another entry gate every five minutes for four hours, four pages:", ""]
    lines += [
        "| network | connection | singles | times presented | times it opened | gates that opened | most at one |"
    ]
    lines += ["|---|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {row.site} | {row.network} | {row.tours} | {row.tries} | {_span(row.least, row.most)} | "
        f"{_span(row.gates_least, row.gates_most)} | {row.most_at_one_gate} |"
        for row in found.toured
    ]
    return "\n".join(lines) + "\n"


def _learned_rows(found: Findings) -> Iterable[str]:
    rows: dict[tuple[str, str], list[int]] = {}
    for row in found.learned:
        times = (row.after_median_min, row.after_most_min, row.held_least_min)
        median_, most, least = ("–" if time is None else f"{time:.1f}" for time in times)
        end = f"{row.never} of {row.watched} | {median_} | {most} | {row.forgotten} | {least} |"
        rows.setdefault((f"| {row.site} | {row.network} | {row.what} |", end), []).append(row.spent_pages)
    for (start, end), pages in rows.items():
        yield f"{start} {_numbers(pages)} | {end}"


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _numbers(pages: Sequence[int]) -> str:
    return "any" if len(set(pages)) == len(r.SPENT_PAGES) else ", ".join(str(number) for number in pages)


def _opened(found: Findings, site: str, places: Sequence[str], *, with_pages: bool) -> Iterable[str]:
    """Rows that say the same for several numbers of pages (or, without pages, connections) are one."""
    rows: dict[tuple[str, str, int, str], list[int]] = {}
    for one in found.opened:
        if one.site == site and one.place in places:
            shares = " | ".join(_percent(share) for share in one.shares)
            group = one.network if with_pages else site
            rows.setdefault((group, one.place, one.asked, shares), []).append(one.spent_pages)
    for (group, place, asked, shares), pages in rows.items():
        yield f"| {group} | {place} | " + (f"{_numbers(pages)} | " if with_pages else "") + f"{asked} | {shares} |"


def _percent(share: float) -> str:
    """Whole percents, but never 0 or 100 for what is not."""
    if 0 < share < 0.01:
        return "<1"
    return ">99" if 0.99 < share < 1 else f"{100 * share:.0f}"
