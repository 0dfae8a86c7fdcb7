"""Double-spending: what copies of passes open, where and how long after (docs/double-spending.md).

No time of this machine is in it: the same seed gives the same figures anywhere.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from bench.harness import written
from simulator.spending.measure import SEED, Findings, measure, tables

_NOTE = f"Seed {SEED}. Shares of copies that open, minutes after first use; docs/double-spending.md says how."


@dataclass
class Spending:
    """What was found, printed as the Markdown of the document."""

    found: Findings

    def report(self, console: Console) -> Path:
        console.print(tables(self.found), markup=False, highlight=False, soft_wrap=True)
        rows = [
            {"table": name, **asdict(row)}
            for name, group in (
                ("days", self.found.days),
                ("opened", self.found.opened),
                ("learned", self.found.learned),
                ("toured", self.found.toured),
            )
            for row in group
        ]
        return written("spending", {"unit": "shares, minutes, counts", "note": _NOTE}, rows)


def run() -> Spending:
    """All sites, all states of the network."""
    return Spending(measure())
