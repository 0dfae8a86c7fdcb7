"""The same scenario and seed through real MicroPython processes in lockstep: the same rows and the same bytes.

Truth, verdicts, edges, and of every gate all outputs and all records are held against the run in this process. The
scenarios cover all detectors, makes of arm, noise, faults, power cuts and fire.
"""

import hashlib
import json
from pathlib import Path

import pytest

from simulator.devices.process import micropython_available
from simulator.study import parquet
from simulator.study.execute import Options, execute
from simulator.study.run import MicroPython
from tests.simulator import transcripts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not micropython_available(), reason="MicroPython's unix port is packaged for x86-64 only"),
]


@pytest.mark.parametrize(
    "name", ["everything", "trouble", "suitcases-to-the-airport", "quiet-night", "broken-beams", "whole-metro-day"]
)
def test_micropython_processes_come_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    started: list[MicroPython] = []

    def hardware() -> MicroPython:
        started.append(MicroPython(tmp_path / f"station-{len(started)}"))
        return started[-1]

    spec = transcripts.spec(name)
    assert transcripts.transcript(spec, hardware) == transcripts.transcript(spec)
    assert len(started) == len(spec.stations)


def test_a_whole_run_writes_the_same_files_either_way(tmp_path: Path) -> None:
    spec = transcripts.spec("trouble")
    digests = {}
    for micropython in (False, True):
        folder = tmp_path / str(micropython)
        folder.mkdir()
        result = execute(spec, Options(micropython=micropython, transcript=True), folder=folder)
        files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}
        digests[micropython] = (files, json.dumps(result.digests), result.tally, result.riders, result.contacts)
    assert digests[True] == digests[False]
    assert sum(row["what"] == "tailgate" for row in parquet.read(tmp_path / "True", parquet.RECORDS)) > 20
