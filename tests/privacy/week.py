"""The simulated week, run through both sides: the firmware's engines, the gateway's pipeline and its database.

What comes out is what an operator has: the broker's log with times, every row, and (as a curious one would note them)
the kiosks' questions with times. Time is virtual on both sides; nothing waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from firmware.fare.blind import blind, finalize
from gateway.devices.provisioning import GATEWAY_USER, Provisioning
from gateway.devices.registry import Registry
from gateway.ingest import pipeline as ingest
from gateway.ingest.consumer import Consumer
from gateway.ingest.consumer import Message as Arrived
from gateway.ingest.intake import Quarantine
from gateway.ingest.observer import Observer
from gateway.ingest.pipeline import Pipeline
from gateway.live.state import LiveState
from gateway.passes.defaults import DEFAULT_QUOTA
from gateway.passes.keyfiles import KeyFiles
from gateway.passes.office import Office
from gateway.store.database import Database
from gateway.store.directory import Directory
from gateway.store.facts import read_rows
from gateway.store.passes import PassStore
from gateway.store.queries import Queries
from gateway.store.store import Store
from simulator.clock import Scheduler, rng
from simulator.linkage.attacks import Question
from simulator.linkage.devices import Network, WeekGate
from simulator.linkage.evidence import Message
from simulator.linkage.score import Known
from simulator.linkage.week import (
    DAY_START_MS,
    ENTRIES,
    FIRST_DAY,
    GATES,
    KIOSKS,
    Passage,
    Sale,
    Week,
    day_start,
    draw_week,
    service_day,
)

SITE = "twin"
START_MS = day_start(FIRST_DAY - 1)  # some buy on the day before
SEED = 4
OFFICE_MS = 900_000
CHOICES = ("research", "none")
ENTRY_GATES = {gate for gates in ENTRIES.values() for gate in gates}


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

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._network.publish(topic, payload, retain)

    def wake(self) -> None:
        """Nobody waits."""


class Sold(NamedTuple):
    """A pass (297 bytes); the kiosk's question for it and the answer."""

    medium: bytes
    blinded: bytes
    answer: bytes


class Gateway:
    """The gateway's ingest and its issuer of passes on virtual time, over a database in `folder`."""

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
        for gate, settings in self.settings.items():
            settings["lane"] = {"way": "entry" if gate in ENTRY_GATES else "exit"}
        for kiosk in KIOSKS.values():
            provisioning.add_device(SITE, kiosk, site_class, DAY_START_MS, "kiosk")
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
        self.office = Office(
            KeyFiles(directory),
            PassStore(self.database),
            self.registry.devices,
            lambda: "2026-1",
            lambda: network.now_ms,
            lambda: None,
            DEFAULT_QUOTA,
            OFFICE_MS / 1000,
        )
        self.office.load()
        self.office._publisher = self.desk
        agreement, now_ms = self.office.agreement, lambda: network.now_ms
        self.observer = Observer(consumer, self.registry, self.live, self.pipeline, lambda: None, agreement, now_ms)
        self._sales = 0
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

    def tend(self) -> None:
        """The office's round: missing keys, the list, pages of the spent set. Again after OFFICE_MS."""
        self.office.step(self.network.now_ms / 1000)
        self.network.scheduler.after(OFFICE_MS, self.tend)

    def sell(self, kiosk: str, product: str, choice: str, nonce: bytes) -> Sold:
        """A sale now: the kiosk's side is the firmware's, with the system's randomness; the issuer signs blindly."""
        today = service_day(self.network.now_ms)
        fits = [key for key in self.office.keyring.listed() if (key.product, key.choice) == (product, choice)]
        key = max((key for key in fits if key.first <= today <= key.sold_to), key=lambda one: one.first)
        head = b"\x01" + bytes.fromhex(key.id)
        blinded, inverse = blind(key.modulus, nonce + head, secrets.token_bytes)
        sender = self.registry.find(SITE, kiosk, self.network.now_ms).sender
        self._sales += 1
        answer = self.office.issuer.sign(sender, self._sales, key.id, blinded, self.network.now_ms)
        assert isinstance(answer, bytes), answer
        signature = finalize(key.modulus, nonce + head, answer, inverse)
        assert signature is not None, "a kiosk would not hand this over"
        return Sold(head + nonce + signature, blinded, answer)

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
    nonces: dict[int, bytes]
    sold: dict[int, Sold]


@contextmanager
def run_week(folder: Path, site_class: str, week: Week | None = None, seed: int = SEED) -> Iterator[Ran]:
    """The week through gates and gateway; the gateway stays open for what is tried on it afterwards."""
    week = draw_week(seed) if week is None else week
    scheduler = Scheduler()
    network = Network(scheduler, START_MS)
    gateway = Gateway(folder, network, site_class)
    with (
        closing(gateway.database),
        patch.object(ingest, "monotonic_ms", lambda: network.now_ms),
    ):
        gateway.tend()
        gates = {name: WeekGate(network, gateway.settings[name], seed=seed) for name in GATES}
        for gate in gates.values():
            gate.start()
        nonces = {sale.number: rng(seed, "nonce", sale.number).randbytes(32) for sale in week.sales}
        sold: dict[int, Sold] = {}
        rides: dict[int, list[Passage]] = {}
        for passage in week.passages:
            rides.setdefault(passage.sale, []).append(passage)

        def sell(sale: Sale) -> None:
            choice = CHOICES[0] if sale.consent else CHOICES[1]
            sold[sale.number] = gateway.sell(sale.kiosk, sale.product, choice, nonces[sale.number])
            for passage in rides[sale.number]:
                gates[passage.gate].tap_and_walk(passage.tap_ms, sold[sale.number].medium)

        for sale in week.sales:
            scheduler.at(sale.at_ms - START_MS, partial(sell, sale))
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
            sold,
        )


def known(ran: Ran) -> Known:
    """The week as the scores take it, with the kiosks' questions as a curious operator notes them."""
    questions = [
        Question(
            sale.at_ms,
            sale.kiosk,
            sale.product,
            sale.consent,
            ran.sold[sale.number].blinded,
            ran.sold[sale.number].answer,
        )
        for sale in ran.week.sales
    ]
    return Known(ran.week, ran.log, ran.rows, questions, ran.nonces)
