"""What tests of several rooms share: free ports and real processes.

A real process is started, polled until it is ready, and ended by its own id: SIGINT, then SIGTERM, then SIGKILL. What
it said is kept, bounded, and its last lines are part of every failure. Nothing here sleeps for a fixed time.
What only one room's tests need doesn't belong here.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
"""The project's own directory."""

PICTURES = ROOT / "docs" / "screenshots"

KEPT_LINES = 5_000
SHOWN_LINES = 100


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pictures_shown() -> set[str]:
    """Names of the pictures of docs/screenshots that a document shows."""
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return {name for path in documents for name in re.findall(r"screenshots/([\w.-]+)\)", path.read_text("utf-8"))}


def run_async(job: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a thread of its own: playwright keeps a loop in this one, once a browser test has run."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, job).result()


def wait_until(condition: Callable[[], object], what: str, *, timeout_s: float = 20.0, poll_s: float = 0.02) -> None:
    """Return as soon as `condition()` is true; an AssertionError naming `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        pause.wait(poll_s)


class RealProcess:
    """One process of the operating system, with both its outputs in one list of lines.

    Use it as a context manager; `name` is for failures. Its environment is the tests' own plus `env`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        name: str = "",
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.name = name or Path(self.command[0]).name
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._said = threading.Condition()
        self._ended = False
        # A session of its own: a Ctrl-C meant for pytest doesn't reach it, and its children can be found at the end.
        self._process = subprocess.Popen(
            self.command,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            # A shell's background jobs ignore SIGINT, and so would whatever they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {self.name}", daemon=True)
        self._reader.start()

    def __enter__(self) -> "RealProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def lines(self) -> list[str]:
        """What it has said so far: the last KEPT_LINES lines, without their ends."""
        with self._said:
            return list(self._lines)

    def wait_for_line(self, pattern: str, *, timeout_s: float = 20.0) -> re.Match[str]:
        """The first line, said before or from now on, in which `pattern` is found; AssertionError when none comes."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        with self._said:
            while True:
                for line in self._lines:
                    if found := wanted.search(line):
                        return found
                left_s = deadline - time.monotonic()
                if self._ended or left_s <= 0:
                    raise AssertionError(self._failure(f"never said {pattern!r}"))
                self._said.wait(left_s)

    def wait_until(self, condition: Callable[[], object], what: str, *, timeout_s: float = 20.0) -> None:
        """Return as soon as `condition()` is true; AssertionError after `timeout_s`, or as soon as it has ended."""

        def met() -> object:
            ended = self.status is not None
            if (result := condition()) or not ended:
                return result
            raise AssertionError(self._failure(f"ended before: {what}"))

        try:
            wait_until(met, what, timeout_s=timeout_s)
        except AssertionError as error:
            if self.name in str(error):
                raise
            raise AssertionError(self._failure(str(error))) from None

    def wait(self, *, timeout_s: float = 20.0) -> int:
        """The exit status, once it has ended by itself; AssertionError after `timeout_s`."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._failure(f"had not ended after {timeout_s:g} s")) from None
        self._finish()
        return status

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing when it has ended."""
        if self.status is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, as a power cut would, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self._process.wait()
        self._finish()

    def stop(self, *, patience_s: float = 10.0) -> int:
        """End it: SIGINT, SIGTERM after `patience_s`, SIGKILL (its children too) after as long again. Its status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self.send(number)
            try:
                self._process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            os.killpg(self.pid, signal.SIGKILL)
        status = self._process.wait()
        self._finish()
        return status

    def failure(self, what: str) -> str:
        """`what`, with the last lines it said: the text of a failure."""
        with self._said:
            return self._failure(what)

    def _failure(self, what: str) -> str:
        if self._ended:
            # Its output has ended, so it is about to; a moment later the system knows its status.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        status = self._process.poll()
        state = "still runs" if status is None else f"ended with status {status}"
        last = "\n".join(list(self._lines)[-SHOWN_LINES:]) or "(nothing)"
        return f"{self.name} (pid {self.pid}, {state}) {what}\ncommand: {' '.join(self.command)}\nit said:\n{last}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._said:
                self._lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._ended = True
            self._said.notify_all()

    def _finish(self) -> None:
        # A child that outlives it may hold the pipe open: then the reader, a daemon, is left behind with its pipe.
        self._reader.join(2.0)
        if not self._reader.is_alive() and self._process.stdout is not None:
            self._process.stdout.close()


def python_command(*arguments: str | Path) -> list[str | Path]:
    """The command that runs this very Python with `arguments`."""
    return [sys.executable, *arguments]
