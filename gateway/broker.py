"""The embedded broker: writes rumqttd's settings and keeps one child process that runs it.

Rules: it listens on the loopback address only; every client has a credential of its own; the settings file is the
owner's alone. It forgets everything at a restart and has no topic rules, so nothing here is trusted: seals and
end-to-end confirmation carry the load (docs/protocol.md). Which users there are is the caller's business.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.errors import UserError
from gateway.store.database import Lock, prepare_directory

HOST: Final = "127.0.0.1"
MAX_PAYLOAD_BYTES: Final = 262_144
MAX_INFLIGHT: Final = 100
START_S: Final = 10.0
_STOP_S: Final = 5.0

_SETTINGS: Final = """\
# Written by Gateline at every start of its embedded broker; changes are lost.
id = 0

[router]
id = 0
# Whoever comes beyond it ends rumqttd's router for good, so it lies above what open files allow. It costs no memory.
max_connections = 100000
max_outgoing_packet_count = 200
# Per filter: what a slow reader may lag behind before the oldest is dropped. Devices send it again.
max_segment_size = 1048576
max_segment_count = 8

[v4.1]
name = "gateline"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 5000
max_payload_size = {payload}
max_inflight_count = {inflight}
dynamic_filters = true

[v4.1.connections.auth]
{users}
"""


def free_port() -> int:
    """A port on the loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, option: str) -> None:
    """:class:`UserError` when something listens on ``port`` already; ``option`` is what chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"Port {port} on {HOST} cannot be used ({error.strerror}); end the program that has it, or choose "
                f"another with {option} (0 picks a free one)."
            ) from error


class EmbeddedBroker:
    """One rumqttd in a child process on a port that stays the same over restarts."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        """``directory`` is the data directory; ``port`` 0 picks a free one at the first start."""
        self.port = port
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: Lock | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether the child is alive."""
        return self._process is not None and self._process.poll() is None

    def reserve_port(self) -> None:
        """Choose the port now, if it is still 0, so that devices can be told before the broker runs."""
        self.port = self.port or free_port()

    def start(self, users: Mapping[str, str]) -> None:
        """Start with ``users`` (name -> password) and wait until it accepts connections; at most 10 s.

        :class:`UserError` when the port is taken or another process runs a broker on the same data.
        """
        prepare_directory(self._directory)
        if self._lock is None:
            self._lock = Lock(
                self._directory / "broker.lock",
                f"Another Gateline runs its broker on {self._directory}; end it, or choose another directory with "
                "--data.",
            )
        try:
            self.reserve_port()
            require_free(self.port, "--mqtt-port")
            self._launch(self._write_settings(users))
        except BaseException:
            self.stop()
            raise

    def _write_settings(self, users: Mapping[str, str]) -> Path:
        path = self._directory / "broker.toml"
        lines = "\n".join(f'"{user}" = "{password}"' for user, password in sorted(users.items()))
        text = _SETTINGS.format(
            host=HOST, port=self.port, payload=MAX_PAYLOAD_BYTES, inflight=MAX_INFLIGHT, users=lines
        )
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(descriptor, 0o600)
                file.write(text)
        except OSError as error:
            raise UserError(
                f"The broker's settings {path} cannot be written ({error.strerror}); make room or give this user the "
                "right to write there."
            ) from error
        return path

    def _launch(self, settings: Path) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.broker_process", str(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
            # A group of its own: the keyboard's interrupt is for the parent alone.
            start_new_session=True,
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            status = self._process.poll()
            if status is not None:
                raise UserError(
                    f"The embedded broker ended at once (status {status}); another program may have taken port "
                    f"{self.port}: choose another with --mqtt-port."
                )
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=0.2):
                return
            time.sleep(0.02)
        raise UserError(f"The embedded broker did not answer on port {self.port} within {START_S:.0f} s; try again.")

    def restart(self, users: Mapping[str, str]) -> None:
        """Stop (if it still runs) and start again on the same port, with ``users``."""
        self._end_process()
        self.start(users)

    def stop(self) -> None:
        """End the child and give the data directory free. May be called more than once."""
        self._end_process()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
