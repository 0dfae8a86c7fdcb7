"""A whole gateway for the demo and for tests: an embedded broker here, the gateway in a process of its own.

Rules: the gateway process can be killed and started again on the same ports; neither it nor the broker outlives this
process. `facts` asks the database file, never the gateway, so that nobody grades themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.broker import HOST, EmbeddedBroker, free_port
from gateway.consent.erasures import fingerprints
from gateway.devices.provisioning import GATEWAY_USER, Provisioning
from gateway.devices.registry import SIMULATOR, Registry
from gateway.errors import UserError
from gateway.passes.defaults import DEFAULT_QUOTA, SPENT_INTERVAL_S
from gateway.store.database import FILE_NAME, Database
from gateway.store.directory import Directory
from gateway.store.facts import read_facts, read_rows

START_S: Final = 90.0
STOP_S: Final = 15.0
LINES_KEPT: Final = 100


class EmbeddedGateway:
    """Broker and gateway on one data directory. Call ``provision`` before ``start_broker``."""

    def __init__(
        self,
        data_dir: Path,
        spent_interval_s: float = SPENT_INTERVAL_S,
        pass_quota: int = DEFAULT_QUOTA,
        runs: Path | None = None,
    ) -> None:
        """Nothing is touched before the first call. ``spent_interval_s``: how often used passes are published;
        ``runs``: the folder of simulated runs whose results the gateway shows.
        """
        self._runs = runs
        self._spent_interval_s = spent_interval_s
        self._pass_quota = pass_quota
        self._data = Path(data_dir)
        self._broker = EmbeddedBroker(self._data)
        self._gateway: subprocess.Popen[str] | None = None
        self._http_port = 0
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._reader: threading.Thread | None = None
        self.gateway_pid: int | None = None
        """The gateway's process id, None before its start and after its stop."""
        self.broker_pid: int | None = None
        """The broker's process id, None before its start and after its stop."""
        self.database_path = self._data / FILE_NAME

    @property
    def output(self) -> list[str]:
        """The last lines that the gateway process has written to its standard error."""
        return list(self._lines)

    def provision(
        self, site: str, devices: list[str], day_start_ms: int = 0, kiosks: Sequence[str] = ()
    ) -> dict[str, dict[str, Any]]:
        """Make the emulated site, its gates (``devices``) and kiosks, or find them again; their settings by name, and
        ``simulator``'s. With kiosks, where the gateway will serve is chosen here too.

        The broker's port is chosen here if it was not yet. :class:`UserError` when the data directory cannot be used.
        """
        self._broker.reserve_port()
        database = Database(self._data)
        try:
            provisioning = Provisioning(Directory(database))
            provisioning.gateway_password()
            provisioning.add_site(site, "emulated", day_start_ms)
            rows = {device: provisioning.ensure_device(site, device, "emulated") for device in devices}
            if kiosks and not self._http_port:
                self._http_port = free_port()
            rows |= {kiosk: provisioning.ensure_device(site, kiosk, "emulated", "kiosk") for kiosk in kiosks}
            rows[SIMULATOR] = provisioning.ensure_simulator(site)
            url = f"http://{HOST}:{self._http_port}"
            return {name: provisioning.settings(row, HOST, self._broker.port, url) for name, row in rows.items()}
        finally:
            database.close()

    def _users(self) -> dict[str, str]:
        database = Database(self._data)
        try:
            directory = Directory(database)
            registry = Registry(directory)
            registry.load()
            return registry.credentials() | {GATEWAY_USER: Provisioning(directory).gateway_password()}
        finally:
            database.close()

    def start_broker(self) -> tuple[str, int]:
        """Start the broker; where it listens. :class:`UserError` when another process uses this data directory."""
        self._broker.start(self._users())
        self.broker_pid = self._broker.pid
        return HOST, self._broker.port

    def restart_broker(self) -> tuple[str, int]:
        """Start the broker again on its port, whether it was killed or still runs."""
        self._broker.restart(self._users())
        self.broker_pid = self._broker.pid
        return HOST, self._broker.port

    def start_gateway(self) -> str:
        """Start the gateway process and wait until it serves; its URL. :class:`UserError` when it will not start."""
        root = str(Path(__file__).resolve().parent.parent)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        command = [sys.executable, "-m", "gateway", "run", "--data", str(self._data), "--json-ready"]
        command += ["--http-port", str(self._http_port), "--broker", f"{HOST}:{self._broker.port}"]
        command += ["--spent-interval", str(self._spent_interval_s), "--pass-quota", str(self._pass_quota)]
        command += ["--until-stdin-closes"]
        if self._runs is not None:
            command += ["--runs", str(self._runs)]
        self._gateway = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            # A group of its own: the keyboard's interrupt is for the demo, which ends the gateway last.
            start_new_session=True,
        )
        self.gateway_pid = self._gateway.pid
        assert self._gateway.stdout is not None
        self._lines.clear()
        self._reader = threading.Thread(target=self._keep_lines, args=(self._gateway,), daemon=True)
        self._reader.start()
        watchdog = threading.Timer(START_S, self._gateway.kill)
        watchdog.start()
        ready = self._gateway.stdout.readline()
        watchdog.cancel()
        if not ready:
            self._gateway.wait()
            self._reader.join()
            said = " ".join(line.strip() for line in self._lines) or "it said nothing"
            self._close_pipes()
            raise UserError(f"The gateway did not start: {said}")
        url = str(json.loads(ready)["http"])
        # A restart serves at the same address, so that open pages find it again.
        self._http_port = urlsplit(url).port or 0
        return url

    def _keep_lines(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._lines.append(line.rstrip("\n"))

    def _close_pipes(self) -> None:
        process, self._gateway, self.gateway_pid = self._gateway, None, None
        if process is None:
            return
        if self._reader is not None:
            self._reader.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()

    def _end_gateway(self) -> None:
        if self._gateway is None:
            return
        if self._gateway.poll() is None:
            self._gateway.terminate()
            try:
                self._gateway.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._gateway.kill()
                self._gateway.wait()
        self._close_pipes()

    def restart_gateway(self) -> str:
        """Start the gateway again at its address, whether it was killed or still runs; its URL."""
        self._end_gateway()
        return self.start_gateway()

    def check(self) -> None:
        """:class:`UserError` when the gateway or the broker has ended by itself."""
        if self._gateway is not None and self._gateway.poll() is not None:
            said = " ".join(self._lines) or "it said nothing"
            raise UserError(f"The gateway ended by itself (status {self._gateway.returncode}); it last said: {said}")
        if self.broker_pid is not None and not self._broker.running:
            raise UserError("The embedded broker ended by itself.")

    def stop(self) -> None:
        """End gateway and broker. May be called more than once, and at any time."""
        self._end_gateway()
        self._broker.stop()
        self.broker_pid = None

    def facts(self) -> dict[str, Any]:
        """What the database file says; see :func:`gateway.store.facts.read_facts`. And ``erased``, the fingerprints of
        handles that riders had erased.
        """
        # First the rows: what is erased meanwhile is then in both, and in none never.
        return read_facts(self._data) | {"erased": fingerprints(self._data)}

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table; see :func:`gateway.store.facts.read_rows`."""
        return read_rows(self._data)
