"""A small study beside the demo: two shipped scenarios, run once, so that the page of results has something to show.

`DemoStudy` starts `python -m simulator.demo_study RUNS` once the station runs. That process goes through the scenarios
of simulator/data/study at the lowest priority there is, so that the demo's gates are never late for it, and puts each
run into RUNS when it is whole. A run that is there already, of the same scenario by the same code, is kept.

Rules: it disturbs nothing. It never outlives the demo, and what it can't do it says to its log alone: a demo without a
study is a demo. Does not belong here: what is run (the scenario files), what it means (the gateway's page).
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path

STOP_S = 5.0
MAKING = ".making"
VERSION = "version.txt"
_SCENARIOS = Path(str(files("simulator.data").joinpath("study")))
_ROOT = Path(__file__).resolve().parents[1]


class DemoStudy:
    """The process; `runs` is the folder that gets the runs, made here so that a gateway can look into it."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.process: subprocess.Popen[bytes] | None = None
        runs.mkdir(parents=True, exist_ok=True, mode=0o700)

    def start(self) -> None:
        """Begin, when everything that matters runs."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        }
        with (self.runs / "study.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simulator.demo_study", str(self.runs)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                # A session of its own: the keyboard's interrupt is for the demo, which ends the study in its turn.
                start_new_session=True,
            )

    def close(self) -> None:
        """End it, whether it is done or not; harmless when it never began."""
        process, self.process = self.process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def version(scenario: Path) -> str:
    """A hash of the scenario and of all code that a run depends on."""
    digest = hashlib.sha256(scenario.read_bytes())
    for part in ("firmware", "simulator"):
        for path in sorted((_ROOT / part).rglob("*.py")):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def study(runs: Path) -> None:
    """Run every scenario whose run isn't there, or is of other code."""
    from simulator.scenario.commands import simulate

    making = runs / MAKING
    shutil.rmtree(making, ignore_errors=True)  # of a study that was ended
    for scenario in sorted(_SCENARIOS.glob("*.toml")):
        target, mark = runs / scenario.stem, version(scenario)
        try:
            if (target / VERSION).read_text(encoding="ascii") == mark:
                continue
        except FileNotFoundError:
            # Not ours: somebody has put a run of their own there.
            if target.exists():
                continue
        simulate(scenario, out=making / scenario.stem, workers=1, as_json=True)
        (making / scenario.stem / VERSION).write_text(mark, encoding="ascii")
        shutil.rmtree(target, ignore_errors=True)
        (making / scenario.stem).rename(target)
    shutil.rmtree(making, ignore_errors=True)


def _step_back() -> None:
    """Only what nobody else wants of the processors."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _end_with_stdin() -> None:
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _step_back()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    study(Path(sys.argv[1]))
