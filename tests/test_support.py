"""The tests' own tools: real processes end and their words are kept; a skip in continuous integration is a failure."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import StartProcess
from tests.support import ROOT, python_command, wait_until

STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready')\n"
    "signal.pause()\n"
    "while True: signal.pause()\n"
)


def test_a_process_is_polled_until_it_is_ready_and_ends_on_sigint(start_process: StartProcess) -> None:
    process = start_process(python_command("-c", "import signal; print('ready at', 7); signal.pause()"))
    assert process.wait_for_line(r"ready at (\d)")[1] == "7"
    assert process.status is None
    assert process.stop() in (-signal.SIGINT, 1)


def test_one_that_ignores_signals_is_killed(start_process: StartProcess) -> None:
    process = start_process(python_command("-c", STUBBORN))
    process.wait_for_line("ready")
    assert process.stop(patience_s=0.1) == -signal.SIGKILL


def test_a_power_cut_is_at_once(start_process: StartProcess) -> None:
    process = start_process(python_command("-c", STUBBORN))
    process.wait_for_line("ready")
    process.kill()
    assert process.status == -signal.SIGKILL


def test_one_that_ends_early_fails_with_its_last_words(start_process: StartProcess) -> None:
    process = start_process(python_command("-c", "print('no room'); raise SystemExit(3)"), name="clerk")
    with pytest.raises(AssertionError, match=r"(?s)clerk.*status 3.*never said.*no room"):
        process.wait_for_line("ready")
    with pytest.raises(AssertionError, match=r"(?s)clerk.*no room"):
        process.wait_until(lambda: False, "a miracle")
    assert process.wait() == 3


def test_what_is_kept_and_shown_is_bounded(start_process: StartProcess) -> None:
    process = start_process(python_command("-c", "for n in range(20_000): print('line', n)"))
    process.wait_for_line("line 19999")
    process.wait()
    assert len(process.lines()) == 5_000
    assert process.failure("x").count("line ") == 100


def test_waiting_in_vain_says_what_for() -> None:
    with pytest.raises(AssertionError, match="the sun"):
        wait_until(lambda: False, "the sun", timeout_s=0.05)


def test_a_free_port_is_a_port(free_port: int) -> None:
    assert 1024 <= free_port <= 65535


SKIPPING = """
import pytest

def test_needs_a_thing():
    pytest.skip("the thing is absent")
"""
SKIPPING_WHOLE = "import pytest\npytest.importorskip('no_such_module_at_all')\n"


@pytest.mark.parametrize("text", [SKIPPING, SKIPPING_WHOLE])
@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_a_skip_is_a_failure_in_ci_only(
    tmp_path: Path, start_process: StartProcess, text: str, ci: str, status: int
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_it.py").write_text("def test_fine(): pass\n")
    (tmp_path / "test_skips.py").write_text(text + "\ndef test_more(): pass\n")
    process = start_process(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={"CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
    )
    ended = process.wait(timeout_s=60)
    said = "\n".join(process.lines())
    # Nothing but a module that could not be collected is an interrupted run, which is 2.
    assert (ended != 0) == (status != 0), said
    assert ("nothing may be" in said) == (ci == "true"), said
