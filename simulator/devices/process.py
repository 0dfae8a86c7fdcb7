"""A gate as a real MicroPython process under a limited heap; its hardware is a socket to this process.

The lines on that socket are described in firmware/boards/emulated.py. Lockstep (speed 0): `post` returns when the
device has
dealt with the event, so a run is as deterministic as in process. Paced: outputs come when they come, and the loop's
owner calls `readable()` when the socket is.

Rules: processes are ended by their pid; output is kept to a bounded tail for the error message.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chumicro_timing.ticks import TICKS_MAX, ticks_diff

from firmware import config
from firmware.boards import board as b
from simulator.clock import Alarm, Scheduler
from simulator.devices.in_process import Outputs
from simulator.errors import UserError

_ANSWER_S = 20.0  # a device that says nothing for so long in lockstep, or at its start, is taken for dead
_TAIL_BYTES = 8192


def micropython_available() -> bool:
    """Whether this machine has the MicroPython unix port (a wheel for x86-64 only)."""
    return importlib.util.find_spec("micropython_unix") is not None


class DeviceDied(UserError):
    """The MicroPython process ended by itself; the text has the last it said."""


class PlantServer:
    """One loopback port on which MicroPython processes find their hardware."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(0.2)
        self.port: int = self._listener.getsockname()[1]
        self._waiting: dict[str, tuple[socket.socket, bytes]] = {}
        self.runtimes: dict[str, str] = {}  # what each device said it runs on

    def accept(self, name: str, alive: Callable[[], None]) -> tuple[socket.socket, bytes]:
        """The connection of device `name` and what it said beyond its name; `alive` raises when its process has
        ended."""
        waited_s = 0.0
        while name not in self._waiting:
            alive()
            try:
                connection, _ = self._listener.accept()
            except TimeoutError as error:
                waited_s += 0.2
                if waited_s > _ANSWER_S:
                    raise DeviceDied(
                        f"{name}: MicroPython did not connect to its plant within {_ANSWER_S:.0f} s"
                    ) from error
                continue
            connection.settimeout(_ANSWER_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b""
            while b"\n" not in data:
                chunk = connection.recv(256)
                if not chunk:
                    break
                data += chunk
            line, _, rest = data.partition(b"\n")
            words = line.decode(errors="replace").split(" ")
            if words[0] == "D" and len(words) == 3:
                self._waiting[words[1]] = (connection, rest)
                self.runtimes[words[1]] = words[2]
            else:
                connection.close()
        return self._waiting.pop(name)

    def close(self) -> None:
        self._listener.close()
        for connection, _ in self._waiting.values():
            connection.close()


class ProcessDevice:
    """One MicroPython process. `folder` is its flash: settings, boot counter, outbox. `speed` 0 is lockstep.

    Paced, `clock` gives the virtual ms that it really is now. A device that was told the time of the last event instead
    would run ahead of its world by as long as its start took, and its timers would run out before their time.

    `main` is the module that is started; `decided` hears the words of each decision that a witnessed gate tells
    (witness_main.py).
    """

    def __init__(
        self,
        scheduler: Scheduler,
        settings: dict[str, Any],
        outputs: Outputs,
        epoch_of: Callable[[int], int],
        *,
        server: PlantServer,
        bundle: Path,
        folder: Path,
        speed: int = 0,
        clock: Callable[[], int] | None = None,
        heap_bytes: int = config.HEAP_LIMIT_BYTES,
        main: str = "firmware.main",
        decided: Callable[[list[str]], None] | None = None,
    ) -> None:
        self.name: str = settings["device"]
        self.settings = settings
        self.folder = folder.resolve()  # the process runs in another folder than ours
        self.speed = speed
        self.process: subprocess.Popen[bytes] | None = None
        self.socket: socket.socket | None = None
        self._scheduler = scheduler
        self._clock = clock or (lambda: scheduler.now_ms)
        self._outputs = outputs
        self._epoch_of = epoch_of
        self._server = server
        self._bundle = bundle.resolve()
        self._heap_bytes = heap_bytes
        self._main = main
        self._decided = decided
        self._rest = b""
        self._posted: list[int] = []  # virtual times of lines not yet taken
        self._sent = 0
        self._taken = 0
        self._deadline: int | None = None
        self._alarm = Alarm(scheduler, self._tell_time)
        self.taken_until_ms = 0
        self.served = False  # since its last start it has got as far as waiting

    # -- life

    def spawn(self) -> None:
        """Start the process; `connect` completes the start. Two steps, so that many can start side by side."""
        if not micropython_available():
            raise UserError("There is no MicroPython for this machine; run the device in process.")
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_settings(self.folder, self.settings)
        self._log = (self.folder.parent / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "micropython_unix",
                "-X",
                f"heapsize={self._heap_bytes}",
                "-m",
                self._main,
                str(self.folder),
                str(self._server.port),
                self.name,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._bundle,  # MicroPython looks in the working folder first
            env={**os.environ, "MICROPYPATH": f"{self._bundle}:.frozen"},
            # Ctrl-C in the terminal is for the one who started us; it tells the devices to stop.
            start_new_session=True,
        )

    def connect(self) -> None:
        """Wait for the process and say what time it is. Raises DeviceDied."""
        self.socket, self._rest = self._server.accept(self.name, self._check_alive)
        now_ms = self._clock()
        self._posted = []
        self._sent = self._taken = 0
        self._deadline = None
        self.served = False
        self.taken_until_ms = self._scheduler.now_ms
        self._write(f"H {now_ms & TICKS_MAX} {self._epoch_of(now_ms)} {self.speed}")
        if self.speed:
            self.socket.setblocking(False)
        else:
            self._settle()

    def start(self) -> None:
        self.spawn()
        self.connect()

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def kill(self) -> None:
        """Power off, at once (SIGKILL)."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """A clean end: the firmware says goodbye to the broker; killed when it does not go within a few seconds."""
        if self.process is None:
            return
        if self.socket is not None:
            try:
                self.socket.setblocking(True)
                self._write(f"X {self._scheduler.now_ms & TICKS_MAX}")
            except OSError:
                pass  # it is gone already, which is what was wanted
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        self._alarm.cancel()
        if self.process is not None:
            self.process.wait()
            self._log.close()
        if self.socket is not None:
            self.socket.close()
        self.process = None
        self.socket = None

    def _check_alive(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise self.died()

    def died(self) -> DeviceDied:
        """The error that tells of this process's end."""
        return DeviceDied(f"{self.name}: MicroPython ended by itself. It last said:\n{self.last_words()}")

    def last_words(self) -> str:
        """The tail of what the process printed."""
        log = self.folder.parent / f"{self.name}.log"
        return log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace") if log.exists() else ""

    # -- the plant's side

    def post(self, t_ms: int, kind: int, a: int | bytes, value: int) -> None:
        """One input event. In lockstep it has been dealt with when this returns."""
        if self.socket is None:
            return
        ticks = t_ms & TICKS_MAX
        if kind == b.BEAM:
            line = f"B {ticks} {a!s} {value}"
        elif kind == b.MEDIUM:
            assert isinstance(a, bytes)
            line = f"M {ticks} {a.hex()}"
        else:
            line = f"F {ticks} {a!s}"
        self._posted.append(t_ms)
        self._write(line)
        if not self.speed:
            self._settle()

    def _write(self, line: str) -> None:
        assert self.socket is not None
        try:
            self.socket.sendall((line + "\n").encode())
        except (BrokenPipeError, ConnectionResetError):
            return  # the process died; whoever reads the socket next learns it
        if line[0] != "H":
            self._sent += 1

    def readable(self) -> bool:
        """Take what the device says. False when it is gone."""
        assert self.socket is not None
        try:
            data = self.socket.recv(4096)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        self._rest += data
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            self._line(line.decode())
        return True

    def _line(self, line: str) -> None:
        kind, *values = line.split(" ")
        if kind == "O":
            self._outputs(self._scheduler.now_ms, int(values[0]), int(values[1]), int(values[2]), values[3])
        elif kind == "V" and self._decided is not None:
            self._decided(values)
        elif kind == "W":
            self._deadline = int(values[0])
            self.served = True
            taken = int(values[1])
            for _ in range(min(taken - self._taken, len(self._posted))):
                self.taken_until_ms = self._posted.pop(0)
            self._taken = taken

    def _waits_until(self) -> int | None:
        """Ticks until which the device sleeps; None while it has not dealt with everything sent."""
        return self._deadline if self._taken >= self._sent else None

    def _settle(self) -> None:
        """Lockstep: read until the device waits for something that has not happened, and note when to wake it."""
        self._deadline = None
        while (deadline := self._waits_until()) is None:
            if not self.readable():
                self._check_alive()
                raise self.died()
        now_ms = self._scheduler.now_ms
        self._alarm.set(now_ms + max(1, ticks_diff(deadline, now_ms & TICKS_MAX)))

    def _tell_time(self) -> None:
        now_ms = self._scheduler.now_ms
        self._posted.append(now_ms)
        self._write(f"T {now_ms & TICKS_MAX}")
        self._settle()


def _write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """The settings file on a device's flash, readable by its owner alone (it holds the key). Whole or not at all."""
    path, new = folder / "settings.json", folder / "settings.new"
    text = json.dumps(settings)
    if path.exists() and path.read_text() == text:
        return
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
