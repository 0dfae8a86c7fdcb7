"""The simulated week, run through both sides: the firmware's engines, the gateway's pipeline and its database.

What comes out is what an operator has: the broker's log with times, every row, and (as a curious one would note them)
the kiosks' questions with times. Time is virtual on both sides; nothing waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from firmware.fare.blind import blind, finalize
from gateway.admission.rules import Admitted
from gateway.devices.provisioning import GATEWAY_USER, Provisioning
from gateway.devices.registry import Registry
from gateway.ingest import pipeline as ingest
from gateway.ingest.consumer import Consumer
from gateway.ingest.consumer import Message as Arrived
from gateway.ingest.intake import Quarantine
from gateway.ingest.observer import Observer
from gateway.ingest.pipeline import Pipeline
from gateway.live.state import LiveState
from gateway.passes.agreement import Agreement
from gateway.protocol.records import Spent
from gateway.protocol.topics import passes_topic
from gateway.store import tables
from gateway.store.database import Database
from gateway.store.directory import Directory
from gateway.store.facts import read_rows
from gateway.store.queries import Queries
from gateway.store.store import Store, Transaction
from simulator.clock import Scheduler, rng
from simulator.linkage.attacks import Question
from simulator.linkage.devices import Network, WeekGate
from simulator.linkage.evidence import Message
from simulator.linkage.score import Known
from simulator.linkage.week import (
    DAY_START_MS,
    DAYS,
    ENTRIES,
    FIRST_DAY,
    GATES,
    SINGLE,
    Sale,
    Week,
    day_start,
    draw_week,
    service_day,
)
from tests.passes import Issuer, day_pass, single

SITE = "twin"
START_MS = day_start(FIRST_DAY)
SEED = 4
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

    def publish(self, topic: str, payload: bytes) -> None:
        self._network.publish(topic, payload)

    def wake(self) -> None:
        """Nobody waits."""


class Sold(NamedTuple):
    """A pass (297 bytes); the kiosk's question for it and the answer."""

    medium: bytes
    blinded: bytes
    answer: bytes


class Office:
    """Who issues the week's passes, and signs a key list for each service day a day ahead.

    The kiosk's side of a sale is the firmware's (fare/blind.py), with the system's randomness; the signature is a plain
    RSA operation on what was blinded. Only the numbers are drawn from the week's seed, so that it comes out the same.
    """

    def __init__(self) -> None:
        self.issuer = Issuer()
        self._singles = {choice: single(choice, FIRST_DAY - 2) for choice in CHOICES}
        days = range(FIRST_DAY, FIRST_DAY + DAYS + 1)
        self._days = {(choice, day): day_pass(choice, day) for day in days for choice in CHOICES}

    def key_list(self, day: int) -> bytes:
        """The list that holds on a service day: its day passes, tomorrow's, and the singles."""
        keys = [*self._singles.values(), *(self._days[choice, one] for one in (day, day + 1) for choice in CHOICES)]
        return self.issuer.key_list(day, keys)

    def sell(self, sale: Sale, nonce: bytes) -> Sold:
        """The pass, and what the gateway sees of it."""
        choice = CHOICES[0] if sale.consent else CHOICES[1]
        key = self._singles[choice] if sale.product == SINGLE else self._days[choice, service_day(sale.at_ms)]
        numbers = key.private.private_numbers()
        n, head = numbers.public_numbers.n, b"\x01" + key.id
        modulus = n.to_bytes(256, "big")
        blinded, inverse = blind(modulus, nonce + head, secrets.token_bytes)
        answer = pow(int.from_bytes(blinded, "big"), numbers.d, n).to_bytes(256, "big")
        signature = finalize(modulus, nonce + head, answer, inverse)
        assert signature is not None, "a kiosk would not hand this over"
        return Sold(head + nonce + signature, blinded, answer)


@cache
def office() -> Office:
    """One for all weeks of a run: sixteen key pairs take a while."""
    return Office()


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
        for gate, settings in self.settings.items():
            settings["lane"] = {"way": "entry" if gate in ENTRY_GATES else "exit"}
            settings["passes"] = {"list_key": office().issuer.list_key}
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
        self.observer = Observer(consumer, self.registry, self.live, self.pipeline, lambda: None, Agreement())
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
    nonces: dict[int, bytes]
    sold: dict[int, Sold]


@contextmanager
def _as_the_store_takes_it() -> Iterator[None]:
    """Where the store has no spent set yet, `spent` records go no further than the log."""
    if "spent" in tables.metadata.tables:
        yield
        return
    add_records = Transaction.add_records

    def all_but_spent(transaction: Transaction, admitted: Iterable[Admitted]) -> int:
        return add_records(transaction, [one for one in admitted if not isinstance(one.record, Spent)])

    with patch.object(Transaction, "add_records", all_but_spent):
        yield


@contextmanager
def run_week(folder: Path, site_class: str, week: Week | None = None, seed: int = SEED) -> Iterator[Ran]:
    """The week through gates and gateway; the gateway stays open for what is tried on it afterwards."""
    week = draw_week(seed) if week is None else week
    scheduler = Scheduler()
    network = Network(scheduler, START_MS)
    gateway = Gateway(folder, network, site_class)
    with (
        _as_the_store_takes_it(),
        closing(gateway.database),
        patch.object(ingest, "monotonic_ms", lambda: network.now_ms),
    ):
        for day in range(FIRST_DAY, FIRST_DAY + DAYS):
            # So each day's keys are out a day ahead.
            scheduler.at(
                day_start(day) - START_MS,
                partial(network.publish, passes_topic(SITE, "keys"), office().key_list(day), True),
            )
        scheduler.run_until(0)
        gates = {name: WeekGate(network, gateway.settings[name], seed=seed) for name in GATES}
        for gate in gates.values():
            gate.start()
        nonces = {sale.number: rng(seed, "nonce", sale.number).randbytes(32) for sale in week.sales}
        sold = {sale.number: office().sell(sale, nonces[sale.number]) for sale in week.sales}
        for passage in week.passages:
            gates[passage.gate].tap_and_walk(passage.tap_ms, sold[passage.sale].medium)
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
