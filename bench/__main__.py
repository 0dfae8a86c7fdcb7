"""`make bench`, or `python -m bench [NAME ...]`."""

import sys

from rich.console import Console

from bench import device, ingest

BENCHES = {"ingest": ingest.run, "device": device.run}


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
