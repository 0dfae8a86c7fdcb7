"""`make bench`, or `python -m bench [NAME ...]`."""

import sys
from collections.abc import Callable

from rich.console import Console

from bench import device, fleet, ingest
from bench.harness import Report

BENCHES: dict[str, Callable[[], Report]] = {"ingest": ingest.run, "device": device.run, "fleet": fleet.run}


def main(names: list[str]) -> int:
    console = Console()
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        console.print(f"There is no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}.")
        return 2
    for name in names or BENCHES:
        path = BENCHES[name]().report(console)
        console.print(f"written to {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
