"""A run as a report needs it: what `gateline simulate --out FOLDER` left behind.

Rules: only the folder is read, nothing is worked out again; what is missing is named in a sentence (UserError). Pure
but for reading.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulator.errors import UserError
from simulator.study.parquet import TRUTH

_NEEDED = ("scenario", "first_seed", "hours", "riders", "conclusion", "recall", "confusion", "throughput_per_min")


@dataclass(frozen=True)
class Run:
    """One run's scorecard, and its riders' waits: {whole seconds: riders}, empty without truth.parquet."""

    folder: Path
    card: dict[str, Any]
    waits_s: Counter[int]

    @property
    def title(self) -> str:
        """The scenario, and which of its many possible riders."""
        seeds = self.card.get("seeds", 1)
        first = self.card["first_seed"]
        return f"{self.card['scenario']}, " + (f"{seeds} seeds from {first}" if seeds > 1 else f"seed {first}")


def load_run(folder: Path) -> Run:
    """The run in `folder`; UserError says what it lacks."""
    path = folder / "scorecard.json"
    again = f"`gateline simulate FILE --out {folder}` writes a run."
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"There is no scorecard.json in {folder}; {again}") from None
    except OSError as error:
        raise UserError(f"Can't read {path} ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"{path} is not a scorecard: {error}. Run it again; {again}") from error
    missing = [name for name in _NEEDED if not isinstance(card, dict) or name not in card]
    if missing:
        raise UserError(f"{path} is not a whole scorecard: {', '.join(missing)} is missing. Run it again; {again}")
    return Run(folder, card, _waits(folder))


def _waits(folder: Path) -> Counter[int]:
    waits: Counter[int] = Counter()
    seeds = sorted(folder.glob("seed-*")) or [folder]
    for part in seeds:
        path = part / f"{TRUTH}.parquet"
        if not path.is_file():
            continue
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=["arrived_ms", "entered_ms"]):
                    came = batch.filter(pc.greater_equal(batch["entered_ms"], 0))
                    waited_s = pc.divide(pc.subtract(came["entered_ms"], came["arrived_ms"]), 1000)
                    for count in pc.value_counts(waited_s).to_pylist():
                        waits[count["values"]] += count["counts"]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"Can't read {path}: {error}. Run the scenario again.") from error
    return waits
