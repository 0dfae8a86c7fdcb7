"""The simulated week, run through both sides: the firmware's engines, the gateway's pipeline and its database.

What comes out is what an operator has: the broker's log with times, every row, and (as a curious one would note them)
the kiosks' questions with times. Time is virtual on both sides; nothing waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from gateway.devices.provisioning import GATEWAY_USER, Provisioning
from gateway.devices.registry import Registry
from gateway.ingest import pipeline as ingest
from gateway.ingest.consumer import Consumer
from gateway.ingest.consumer import Message as Arrived
from gateway.ingest.intake import Quarantine
from gateway.ingest.observer import Observer
from gateway.ingest.pipeline import Pipeline
from gateway.live.state import LiveState
from gateway.store.database import Database
from gateway.store.directory import Directory
from gateway.store.facts import read_rows
from gateway.store.queries import Queries
from gateway.store.store import Store
from simulator.clock import Scheduler, rng
from simulator.linkage.attacks import Question
from simulator.linkage.devices import Network, WeekGate
from simulator.linkage.evidence import Message
from simulator.linkage.score import Known
from simulator.linkage.week import DAY_START_MS, FIRST_DAY, GATES, Week, day_start, draw_week

SITE = "twin"
START_MS = day_start(FIRST_DAY)
SEED = 4


class _Desk:
    """The consumer's place at the pipeline, without threads: what has come, and where answers go."""

    connected = True
    session = 1

    def __init__(self, network: Network) -> None:
        self._network = network
        self.waiting: list[Arrived] = []

    def take(self, limit: int, _timeout_s: float) -> list[Arrived]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def acknowledge(self, message: Arrived) -> None:
        """The network in memory has acknowledged it already."""

    def publish(self, topic: str, payload: bytes) -> None:
        self._network.publish(topic, payload)

    def wake(self) -> None:
        """Nobody waits."""


class Gateway:
    """The gateway's ingest on virtual time, over a database in `folder`."""

    def __init__(self, folder: Path, network: Network, site_class: str) -> None:
        self.folder = folder
        self.network = network
        self.database = Database(folder)
        directory = Directory(self.database)
        provisioning = Provisioning(directory)
        assert provisioning.gateway_password() and GATEWAY_USER
        self.settings = {
            gate: provisioning.settings(provisioning.add_device(SITE, gate, site_class, DAY_START_MS), "in-memory", 1)
            for gate in GATES
        }
        self.registry = Registry(directory)
        self.registry.load()
        self.live = LiveState()
        self.live.ensure(device.sender for device in self.registry.devices())
        self.desk = _Desk(network)
        queries = Queries(self.database)
        consumer = cast(Consumer, self.desk)
        self.failures: list[str] = []
        self.pipeline = Pipeline(
            consumer, self.registry, Store(self.database), queries, self.live, lambda: self.failures.append("ingest")
        )
        self.observer = Observer(consumer, self.registry, self.live, self.pipeline, lambda: None)
        network.listen = self.listen

    def listen(self, at_ms: int, topic: str, payload: bytes) -> None:
        """The broker passes a message on."""
        channel = topic.rsplit("/", 1)[-1]
        if channel == "event":
            self.desk.waiting.append(Arrived(topic, payload, len(payload), 0, 1, 1))
        elif channel in ("status", "health"):
            self.observer.look(topic, payload, Quarantine(), at_ms)
        else:
            return
        self.network.scheduler.after(0, self.step)

    def step(self) -> None:
        """Store what has come, and say `stored` where that is due; again when it will be."""
        self.pipeline._step()
        due_ms = self.pipeline._replies.next_deadline_ms()
        if due_ms is not None:
            self.network.scheduler.at(max(self.network.scheduler.now_ms, due_ms - START_MS), self.step)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table."""
        return read_rows(self.folder)


@dataclass(repr=False)
class Ran:
    """A week that has passed."""

    week: Week
    site_class: str
    log: list[Message]
    rows: dict[str, list[dict[str, Any]]]
    passed: dict[str, list[int]]
    gateway: Gateway
    gates: dict[str, WeekGate]
    nonces: dict[int, bytes] = field(default_factory=dict)


@contextmanager
def run_week(folder: Path, site_class: str, week: Week | None = None, seed: int = SEED) -> Iterator[Ran]:
    """The week through gates and gateway; the gateway stays open for what is tried on it afterwards."""
    week = draw_week(seed) if week is None else week
    scheduler = Scheduler()
    network = Network(scheduler, START_MS)
    gateway = Gateway(folder, network, site_class)
    with closing(gateway.database), patch.object(ingest, "monotonic_ms", lambda: network.now_ms):
        gates = {name: WeekGate(network, gateway.settings[name], seed=seed) for name in GATES}
        for gate in gates.values():
            gate.start()
        nonces = {sale.number: rng(seed, "nonce", sale.number).randbytes(16) for sale in week.sales}
        for passage in week.passages:
            product = b"s" if passage.product == "single" else b"d"
            medium = b"GLT1" + product + (b"y" if passage.consent else b"n") + nonces[passage.sale]
            gates[passage.gate].tap_and_walk(passage.tap_ms, medium)
        scheduler.run_until(week.end_ms - START_MS + 3_600_000)
        for gate in gates.values():
            assert gate.gate is not None and len(gate.gate.outbox) == 0, f"{gate.name} has not told everything"
        assert not gateway.failures
        yield Ran(
            week,
            site_class,
            list(network.log),
            gateway.rows(),
            {name: gate.passed for name, gate in gates.items()},
            gateway,
            gates,
            nonces,
        )


def known(ran: Ran) -> Known:
    """The week as the scores take it, with the kiosks' questions as a curious operator notes them."""
    questions = [Question(sale.at_ms, sale.kiosk, sale.product, sale.consent) for sale in ran.week.sales]
    return Known(ran.week, ran.log, ran.rows, questions, ran.nonces)
