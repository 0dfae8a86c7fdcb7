"""Fixtures of the gateway's tests: a database, and a whole gateway with its own broker in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from gateway.api.app import create_app
from gateway.devices.provisioning import Provisioning
from gateway.devices.registry import SIMULATOR
from gateway.passes import keyfiles
from gateway.service import Service, Settings
from gateway.store.database import Database
from gateway.store.directory import Directory
from tests.gateway.pass_support import pool
from tests.gateway.support import Json, Peer
from tests.support import wait_until


@pytest.fixture(autouse=True)
def keys_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways in this process take their keys from a pool: 2048 bits cost 50 ms each, and some ten are needed."""
    made = pool()
    monkeypatch.setattr(keyfiles, "new_key", lambda: next(made))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "data")
    yield opened
    opened.close()


@dataclass
class Whole:
    """A gateway that runs in this process."""

    app: FastAPI
    http: httpx.Client
    service: Service
    data: Path
    peers: list[Peer]
    failures: list[str]

    def settings(self, device: str) -> Json:
        host, port = self.service.mqtt
        rows = {row.device: row for row in Directory(self.service.database).devices()}
        return self.service.provisioning.settings(rows[device], host, port)

    def peer(self, device: str) -> Peer:
        joined = Peer(self.settings(device))
        self.peers.append(joined)
        return joined

    def quarantined(self) -> dict[tuple[str, str], int]:
        return {(row["reason"], row["device"]): row["count"] for row in self.service.queries.quarantined()}


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    """Two sites: `majestic` (emulated: gate-1, gate-2, its simulator) and `depot` (physical: door-1)."""
    data = tmp_path / "data"
    database = Database(data)
    provisioning = Provisioning(Directory(database))
    for device in ("gate-1", "gate-2"):
        provisioning.add_device("majestic", device, "emulated")
    provisioning.add_device("depot", "door-1", "physical")
    assert provisioning.ensure_simulator("majestic").device == SIMULATOR
    database.close()
    failures: list[str] = []
    app = create_app(Settings(data), lambda: failures.append("ingest ended unexpectedly"))
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "the gateway serves")
    peers: list[Peer] = []
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}", timeout=20) as http:
            yield Whole(app, http, app.state.service, data, peers, failures)
    finally:
        for peer in peers:
            peer.close()
        app.state.service.live.stopping.set()
        server.should_exit = True
        thread.join()
        bound.close()
    assert not failures
