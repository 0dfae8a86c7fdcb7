"""The first steps: what of them is done, and the commands for what is not, made for this very gateway.

Rules: pure; what they are made of is given. Done is what has happened, not what was prepared: a device that was added
and never heard is no board, and the demo's own study is nobody's run. Paths are shown as they are right in the folder
of the project, for which all commands are. How steps look is pages/start.py's.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.live.lane import Lane
from gateway.results.folder import Run
from gateway.web.access import EMULATED

PROJECT: Final = Path(__file__).resolve().parents[2]
ACTIVATE: Final = "source .venv/bin/activate"
SCENARIO: Final = "scenarios/suitcases-to-the-airport.toml"
DEMO_STUDY: Final = frozenset({"beams-at-the-hip", "beams-at-the-knee"})
"""The runs that the demo makes by itself: of scenarios of these names, in folders of the same names."""


@dataclass(frozen=True, slots=True)
class Done:
    """Which of the three are done."""

    demo: bool = False
    """A simulated gate has been heard."""
    board: bool = False
    """A physical gate has been heard."""
    scenario: bool = False
    """There is a run that somebody made, and not the demo by itself."""


def done(gates: Iterable[Lane], stored: Collection[str], runs: Iterable[Run]) -> Done:
    """What has happened; ``stored``: devices of which there ever was a record."""
    heard = [gate.site_class for gate in gates if gate.device in stored or _spoke(gate)]
    return Done(
        EMULATED in heard,
        any(site_class != EMULATED for site_class in heard),
        any(run.card is not None and not _is_the_demos(run.name, run.card.scenario) for run in runs),
    )


def _spoke(gate: Lane) -> bool:
    """Whether it, or its simulator, has said anything sealed. That it is gone (`lost`) anybody can say."""
    return gate.boot is not None or gate.health is not None or gate.scene is not None


def _is_the_demos(name: str, scenario: str) -> bool:
    return name in DEMO_STUDY and scenario == name


def free(name: str, taken: Collection[str], first: int = 2) -> str:
    """``name``, or ``name-2`` and so on where that is taken; with ``first`` 1 a number from the beginning."""
    if first > 1 and name not in taken:
        return name
    number = first
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def add_board(data: Path, broker: tuple[str, int], devices: Collection[str], emulated_sites: Collection[str]) -> str:
    """The command that adds a physical gate to the gateway that works on ``data``."""
    return (
        f"gateline device add {free('gate', devices, 1)} --site {free('my-station', emulated_sites)} "
        f"--site-class physical --data {_shown(data)} --broker {broker[0]}:{broker[1]}"
    )


def run_scenario(data: Path, runs: Path | None, names: Collection[str]) -> tuple[str, ...]:
    """The commands after which the gateway that works on ``data`` shows a run: without a folder it must start anew."""
    out = (PROJECT / "runs" if runs is None else runs) / free("suitcases", names)
    simulate = f"gateline simulate {SCENARIO} --out {_shown(out)}"
    return (simulate,) if runs is not None else (simulate, f"gateline gateway run --data {_shown(data)} --runs runs")


def _shown(path: Path) -> str:
    """The path for a shell in the project's folder."""
    whole = Path(os.path.abspath(path))
    return shlex.quote(str(whole.relative_to(PROJECT) if whole.is_relative_to(PROJECT) else whole))
