"""The bench's common part: rows in, a table on the terminal and a JSON file out.

A figure is a ratio to a peer measured in the same run; an absolute rate is only an illustration of this machine now.
Peers alternate with what is measured (A B A B ...), and medians are shown, so a drifting machine hurts both alike.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

OUT = Path("out")


class Report(Protocol):
    """What a bench has found."""

    def report(self, console: Console) -> Path:
        """Print it, write it, return where."""


@dataclass
class Bench:
    """One table. The first row added is the peer that all others are compared with."""

    name: str
    unit: str
    note: str
    rates: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: str, rate: float) -> None:
        self.rates.setdefault(row, []).append(rate)

    def medians(self) -> dict[str, float]:
        return {row: statistics.median(rates) for row, rates in self.rates.items()}

    def report(self, console: Console) -> Path:
        """Print the table, write `out/bench-<name>.json`, return its path."""
        medians = self.medians()
        peer = next(iter(medians.values()))
        table = Table(title=f"{self.name}: {self.unit}", caption=self.note, caption_justify="left")
        for title in ("", "median", "min", "max", "ratio to the first"):
            table.add_column(title, justify="left" if not title else "right")
        for row, rates in self.rates.items():
            table.add_row(
                row, f"{medians[row]:,.0f}", f"{min(rates):,.0f}", f"{max(rates):,.0f}", f"{medians[row] / peer:.3g}"
            )
        console.print(table)
        rows = [
            {"row": row, "rates": rates, "median": medians[row], "ratio": medians[row] / peer}
            for row, rates in self.rates.items()
        ]
        return written(self.name, {"unit": self.unit, "note": self.note}, rows)


def written(name: str, about: Mapping[str, str], rows: list[dict[str, Any]]) -> Path:
    """Write `out/bench-<name>.json`: what was measured, when, on what machine; returns its path."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"bench-{name}.json"
    record = {
        "name": name,
        **about,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine(), "python": platform.python_version()},
        "rows": rows,
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def interleaved(bench: Bench, rounds: int, measures: Mapping[str, Callable[[], float]]) -> None:
    """Run each measure once a round, in turn."""
    for _ in range(rounds):
        for row, measure in measures.items():
            bench.add(row, measure())
