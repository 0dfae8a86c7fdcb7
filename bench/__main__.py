"""`make bench`, or `python -m bench [NAME ...]`."""

import sys
from collections.abc import Callable

from rich.console import Console

from bench import device, fleet, ingest, page_start, pages, passes, simulation, spending
from bench.harness import Report

BENCHES: dict[str, Callable[[], Report]] = {
    "ingest": ingest.run,
    "device": device.run,
    "simulation": simulation.run,
    "lanes": simulation.lanes,
    "beams": simulation.beams,
    "riders": simulation.riders,
    "fleet": fleet.run,
    "passes": passes.run,
    "page_start": page_start.run,
}
LONG: dict[str, Callable[[], Report]] = {"metro": simulation.metro, "spending": spending.run, "pages": pages.run}
"""Benches that take minutes: run only when named."""


def main(names: list[str]) -> int:
    console = Console()
    known = BENCHES | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        console.print(f"There is no bench {', '.join(unknown)}; there are {', '.join(known)}.")
        return 2
    for name in names or BENCHES:
        path = known[name]().report(console)
        console.print(f"written to {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
