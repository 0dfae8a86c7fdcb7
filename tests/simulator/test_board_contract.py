"""The contract of the Board seam: one suite, and both implementations pass it; the same script gives the same bytes.

In process the firmware's engines run under CPython; as a process they run under MicroPython, in lockstep over a socket.
"""

import json
import os
import selectors
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chumicro_timing.ticks import TICKS_PERIOD

from firmware.boards import board as b
from firmware.config import SettingsError
from firmware.fare.handles import handle, service_day
from simulator.devices import bundle
from simulator.devices.process import DeviceDied, PlantServer, ProcessDevice, micropython_available
from tests.simulator.devices_support import (
    EPOCH_MS,
    Event,
    Maker,
    Output,
    Rig,
    as_process,
    in_process,
    riders,
    settings,
    token,
    walk,
)

needs_micropython = pytest.mark.skipif(
    not micropython_available(), reason="MicroPython's unix port is packaged for x86-64 only"
)


@pytest.fixture(scope="module")
def emulated_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build("emulated", tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def server() -> Iterator[PlantServer]:
    server = PlantServer()
    yield server
    server.close()


@pytest.fixture(params=["in process", pytest.param("MicroPython process", marks=needs_micropython)])
def make(request: pytest.FixtureRequest, server: PlantServer, emulated_bundle: Path) -> Maker:
    return in_process if request.param == "in process" else as_process(server, emulated_bundle)


@pytest.fixture
def rig(make: Maker, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "flash", make)
    yield rig
    rig.device.kill()


def states(outputs: list[Output]) -> list[tuple[int, str]]:
    return [(output[0], output[4]) for output in outputs]


def kept(rig: Rig) -> list[str]:
    """Kinds of all records in the flash, in order."""
    lines = b"".join(data for name, data in sorted(rig.files().items()) if name[0] == "q").splitlines()
    records = [json.loads(line.split(b" ", 2)[2]) for line in lines]
    return [record.get("what", record["kind"]) for record in records]


def test_a_boot_shows_its_outputs_and_is_counted(rig: Rig) -> None:
    rig.device.start()
    assert rig.outputs == [(0, b.ARM_LOCKED, b.LAMP_READY, b.SOUND_NONE, "locked")]
    assert rig.files()["boot"] == b"1"
    assert kept(rig) == ["boot"]


def test_inputs_become_outputs_at_their_own_millisecond(rig: Rig) -> None:
    rig.device.start()
    rig.run([(1003, b.MEDIUM, token(1), 0), *walk(2007, 100)], 3000)
    assert states(rig.outputs) == [(0, "locked"), (1003, "released"), (2007, "passing"), (2407, "locked")]
    assert kept(rig) == ["boot", "passage"]


def test_deadlines_are_kept_to_the_millisecond(rig: Rig) -> None:
    rig.device.start()
    rig.run([(100, b.MEDIUM, b"bad", 0), (2000, b.MEDIUM, token(1), 0)], 6999)
    assert states(rig.outputs)[1:] == [(100, "refusing"), (1600, "locked"), (2000, "released")]
    rig.scheduler.run_until(7000)
    assert states(rig.outputs)[-1] == (7000, "locked")


def test_ticks_may_wrap(make: Maker, tmp_path: Path) -> None:
    start_ms = TICKS_PERIOD - 2000
    rig = Rig(tmp_path / "flash", make, start_ms=start_ms)
    rig.device.start()
    try:
        rig.run([(start_ms + 100, b.MEDIUM, token(1), 0)], start_ms + 5099)
        assert states(rig.outputs)[-1][1] == "released"
        rig.scheduler.run_until(start_ms + 5100)
        assert states(rig.outputs)[-1] == (start_ms + 5100, "locked")
        rig.run([(start_ms + 6000, b.MEDIUM, token(1), 0), *walk(start_ms + 6500, 100)], start_ms + 8000)
        assert kept(rig) == ["boot", "passage"]
    finally:
        rig.device.kill()


def test_fire_frees_the_gate(rig: Rig) -> None:
    rig.device.start()
    rig.run([(50, b.FIRE, 1, 0), (90, b.FIRE, 0, 0)], 100)
    assert states(rig.outputs)[1:] == [(50, "free"), (90, "locked")]
    assert kept(rig) == ["boot", "fire_on", "fire_off"]


def test_the_flash_survives_a_kill_and_boots_are_counted(rig: Rig) -> None:
    rig.device.start()
    rig.run([(100, b.MEDIUM, token(1), 0), *walk(500, 100), (1500, b.MEDIUM, b"bad", 0)], 1501)
    before = rig.files()
    rig.device.kill()
    assert rig.files() == before
    rig.scheduler.run_until(4000)
    assert states(rig.outputs)[-1] == (1500, "refusing"), "a gate without power does nothing"
    rig.device.start()
    assert rig.files()["boot"] == b"2"
    assert kept(rig) == ["boot", "passage", "boot"]
    assert states(rig.outputs)[-1] == (4000, "locked")


def test_a_gate_without_power_takes_nothing(rig: Rig) -> None:
    rig.device.post(0, b.BEAM, 0, 1)
    rig.device.start()
    rig.device.kill()
    rig.device.kill()
    rig.device.post(0, b.BEAM, 0, 1)
    assert len(rig.outputs) == 1


def test_stop_ends_it_cleanly(rig: Rig) -> None:
    rig.device.start()
    rig.run(walk(100, 100), 1000)
    rig.device.stop()
    assert kept(rig) == ["boot", "forced"]
    rig.scheduler.run_until(100_000)
    rig.device.start()
    assert rig.files()["boot"] == b"2"


def test_consented_passages_are_shuffled_with_the_boards_randomness(make: Maker, tmp_path: Path) -> None:
    rig = Rig(tmp_path / "flash", make, settings(send_at_once=False, interval_ms=60_000))
    rig.device.start()
    events: list[Event] = []
    for n in range(12):
        events += [(1000 + 3000 * n, b.MEDIUM, token(n), 0), *walk(1500 + 3000 * n, 100)]
    rig.run(events, 59_999)
    assert kept(rig) == ["boot"]
    handles = [handle(token(n)[6:], service_day(EPOCH_MS, 0)).encode() for n in range(12)]
    rig.scheduler.run_until(60_000)
    rig.device.kill()
    assert kept(rig) == ["boot"] + ["passage"] * 12
    told = b"".join(data for name, data in sorted(rig.files().items()) if name[0] == "q")
    assert all(told.count(one) == 1 for one in handles)
    assert sorted(handles, key=told.index) != handles  # by chance the same once in 12! runs


def test_settings_of_a_physical_site_are_refused(make: Maker, tmp_path: Path) -> None:
    rig = Rig(tmp_path / "flash", make, settings() | {"class": "physical"})
    try:
        with pytest.raises((SettingsError, DeviceDied), match="an emulated board can't serve a physical site"):
            rig.device.start()
    finally:
        rig.device.kill()


@needs_micropython
def test_two_hundred_riders_leave_the_same_transcript_and_flash(
    tmp_path: Path, server: PlantServer, emulated_bundle: Path
) -> None:
    script = riders(200, seed=7)
    end_ms = script[-1][0] + 60_000
    found = []
    for name, make in (("here", in_process), ("there", as_process(server, emulated_bundle))):
        rig = Rig(tmp_path / name / "flash", make)
        rig.device.start()
        rig.run(script, end_ms)
        rig.device.kill()
        found.append((rig.outputs, rig.files(), kept(rig)))
    here, there = found
    assert here[0] == there[0]
    assert here[1] == there[1]
    assert {"passage", "tally", "forced", "reverse", "fire_on", "fire_off"} <= set(here[2])
    assert here[2].count("passage") > 40


def test_the_same_seed_twice_is_the_same_run(tmp_path: Path) -> None:
    runs = []
    for name in ("first", "second"):
        rig = Rig(tmp_path / name / "flash", in_process, settings(send_at_once=False))
        rig.device.start()
        rig.run(riders(60, seed=3), 1_000_000)
        runs.append((rig.outputs, rig.files()))
    assert runs[0] == runs[1]


@needs_micropython
def test_the_process_is_micropython_and_its_death_is_told(
    tmp_path: Path, server: PlantServer, emulated_bundle: Path
) -> None:
    rig = Rig(tmp_path / "flash", as_process(server, emulated_bundle))
    rig.device.start()
    assert isinstance(rig.device, ProcessDevice)
    assert server.runtimes["gate-1"] == "micropython"
    assert rig.device.pid is not None
    os.kill(rig.device.pid, 9)
    with pytest.raises(DeviceDied, match="gate-1"):
        rig.run([(10, b.BEAM, 0, 1)], 20)
    rig.device.kill()


def cpu_ticks(pid: int) -> int:
    """Processor time of a process in ticks (10 ms each, as a rule)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


@needs_micropython
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_paced_process_sleeps_until_something_happens(
    tmp_path: Path, server: PlantServer, emulated_bundle: Path
) -> None:
    rig = Rig(tmp_path / "flash", as_process(server, emulated_bundle, speed=1))
    device = rig.device
    assert isinstance(device, ProcessDevice)
    device.start()
    try:
        with selectors.DefaultSelector() as selector:
            assert device.socket is not None and device.pid is not None
            selector.register(device.socket, selectors.EVENT_READ)

            def hear(until: str, within_s: float) -> float:
                """Read until the turnstile is in state `until`; the seconds that took."""
                began = time.monotonic()
                while not rig.outputs or rig.outputs[-1][4] != until:
                    assert selector.select(within_s), f"the gate never was {until}"
                    assert device.readable(), device.last_words()
                return time.monotonic() - began

            hear("locked", 20)
            device.post(0, b.MEDIUM, b"bad", 0)
            hear("refusing", 5)
            before = cpu_ticks(device.pid)
            waited_s = hear("locked", 10)  # the refusal's 1.5 s, in which nothing else happens
            assert 1.0 < waited_s < 4.0
            assert cpu_ticks(device.pid) - before < 3
    finally:
        device.kill()
