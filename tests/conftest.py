"""What holds for every test: nothing may be absent in continuous integration, and the fixtures all rooms share.

On a user's machine a test that lacks something is skipped, visibly. With CI=true it fails instead, so that a green run
there means that everything was tried. Fixtures of one room belong in that room's own conftest.py.
"""

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support import RealProcess
from tests.support import free_port as find_free_port


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        report.longrepr = f"skipped, and in continuous integration nothing may be: {_reason(report.longrepr)}"
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if in_ci() and report.skipped:
        report.longrepr = f"skipped, and in continuous integration nothing may be: {_reason(report.longrepr)}"
        report.outcome = "failed"
    return report


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    return find_free_port()


StartProcess = Callable[..., RealProcess]


@pytest.fixture
def start_process() -> Iterator[StartProcess]:
    """Starts real processes (arguments of `RealProcess`) and ends them, the last first, when the test is over."""
    started: list[RealProcess] = []

    def start(
        command: Sequence[str | Path], *, name: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> RealProcess:
        process = RealProcess(command, name=name, env=env, **({} if cwd is None else {"cwd": cwd}))
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        process.stop()
