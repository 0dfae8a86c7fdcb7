"""The pipeline: decode -> authenticate -> admit -> store -> only then acknowledge, in batches.

Rules: a PUBACK leaves after the commit of what it acknowledges; `stored` says only what is committed; a database that
is locked or full delays and never loses (the same batch is tried again, and behind it the broker's in-flight window
holds the rest back); a bad message never stops those behind it. A batch is what has come by the time the last commit
is done, at most ``BATCH_MESSAGES``, so it stays below the broker's in-flight window and nothing waits for a timer.
An unexpected error stops the whole gateway loudly; it is not survived with a guess.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.admission.rules import Admitted, Sender, admit
from gateway.devices.registry import Registry
from gateway.ingest.consumer import Consumer, Message
from gateway.ingest.intake import UNSEALED, Authentic, Quarantine, read_event
from gateway.ingest.replies import Replies
from gateway.live.state import LiveState
from gateway.protocol.records import encode_stored
from gateway.protocol.refusal import Reason, Refused
from gateway.protocol.seal import seal
from gateway.protocol.topics import STORED, Topic
from gateway.store.database import StoreBusy, StoreFull, StoreGone
from gateway.store.queries import Queries
from gateway.store.store import Store

log = logging.getLogger("gateline.ingest")

BATCH_MESSAGES: Final = 90
IDLE_S: Final = 0.5
RETRY_BUSY_S: Final = 0.05
RETRY_FULL_S: Final = 1.0
QUARANTINE_FLUSH_MS: Final = 1_000


class IngestState(StrEnum):
    """What /v1/health says about ingest."""

    OK = "ok"
    DATABASE_BUSY = "database_busy"
    DISK_FULL = "disk_full"
    BROKER_LOST = "broker_lost"
    FAILED = "failed"


@dataclass(slots=True)
class _Outcome:
    """What a committed batch changed."""

    watermarks: dict[tuple[str, int], int] = field(default_factory=dict)
    replies: set[tuple[str, int]] = field(default_factory=set)
    rows: list[Admitted] = field(default_factory=list)
    verdicts: list[tuple[Sender, Reason | None]] = field(default_factory=list)
    """In order: why a batch was refused, or None for one of which something was stored."""


def monotonic_ms() -> int:
    """Milliseconds of the monotonic clock."""
    return time.monotonic_ns() // 1_000_000


class Pipeline:
    """One thread that stores what the consumer receives."""

    def __init__(
        self,
        consumer: Consumer,
        registry: Registry,
        store: Store,
        queries: Queries,
        live: LiveState,
        on_failure: Callable[[], None],
    ) -> None:
        """``on_failure`` is called once, from the pipeline's thread, when it ends by an unexpected error."""
        self._consumer = consumer
        self._registry = registry
        self._store = store
        self._queries = queries
        self._live = live
        self._on_failure = on_failure
        self._replies = Replies()
        self._quarantine = Quarantine()
        self._shared = threading.Lock()
        self._waiting: set[str] = set()
        self._quarantine_due_ms = 0
        self._session = 0
        self._storing = IngestState.OK
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    @property
    def state(self) -> IngestState:
        """How ingest is doing now."""
        if self._storing is not IngestState.OK:
            return self._storing
        return IngestState.OK if self._consumer.connected else IngestState.BROKER_LOST

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the batch in hand; what is not committed stays unacknowledged and comes again."""
        self._stop.set()
        self._consumer.wake()
        self._thread.join()

    def add_quarantined(self, counted: Quarantine) -> None:
        """Let the pipeline store what another thread has refused."""
        with self._shared:
            self._quarantine.merge(counted)

    def greet(self, device: str) -> None:
        """Let a provisioned device that has just come online hear where it stands."""
        with self._shared:
            self._waiting.add(device)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
        except StoreGone as error:
            self._storing = IngestState.FAILED
            log.error("%s", error)
            self._on_failure()
        except Exception:
            self._storing = IngestState.FAILED
            log.exception("Ingest stopped by an unexpected error; the gateway ends, and devices keep their records.")
            self._on_failure()

    def _step(self) -> None:
        self._store.require_in_place()
        self._greet()
        deadline_ms = self._replies.next_deadline_ms()
        wait_s = IDLE_S if deadline_ms is None else min(IDLE_S, max(0, deadline_ms - monotonic_ms()) / 1000)
        messages = self._consumer.take(BATCH_MESSAGES, wait_s)
        batches = self._read(messages)
        if batches or self._quarantine_is_due():
            erasures = self._live.erasures
            outcome = self._persist(batches)
            if outcome is None:
                return
            for message in messages:
                self._consumer.acknowledge(message)
            for device, boot in outcome.replies:
                self._replies.note(device, boot, outcome.watermarks.get((device, boot), 0))
            self._live.add_stored(outcome.rows, erasures)
            for sender, reason in outcome.verdicts:
                if reason is None:
                    self._live.set_going(sender)
                else:
                    self._live.set_refused(sender, reason)
        else:
            for message in messages:
                self._consumer.acknowledge(message)
        due = self._replies.due(monotonic_ms())
        if due:
            # What was committed may have been taken away while the reply waited for its turn.
            self._store.require_in_place()
        for device, boot, watermark in due:
            self._say_stored(device, boot, watermark)

    def _read(self, messages: list[Message]) -> list[Authentic]:
        now_ms = monotonic_ms()
        batches: list[Authentic] = []
        refused = Quarantine()
        for message in messages:
            if message.payload is None:
                continue
            device, result = read_event(message.topic, message.payload, self._registry, now_ms)
            if isinstance(result, Refused):
                refused.add(result.reason, device, message.size)
                if device is not None and result.reason not in UNSEALED:
                    self._live.set_refused(device.sender, result.reason)
            else:
                batches.append(result)
        if refused:
            self.add_quarantined(refused)
        return batches

    def _quarantine_is_due(self) -> bool:
        # Own commits only once a second: a flood of rubbish must not become a flood of commits.
        return bool(self._quarantine) and monotonic_ms() >= self._quarantine_due_ms

    def _persist(self, batches: list[Authentic]) -> _Outcome | None:
        """Commit, however long it takes; None when the gateway stops first."""
        with self._shared:
            quarantine, self._quarantine = self._quarantine, Quarantine()
        while not self._stop.is_set():
            try:
                self._store.require_in_place()
                outcome = self._commit(batches, quarantine)
                # Before anything is confirmed: a commit into a file that was deleted meanwhile is no commit.
                self._store.require_in_place()
            except StoreBusy:
                self._report(IngestState.DATABASE_BUSY, "The database is locked by another program; ingest waits.")
                self._stop.wait(RETRY_BUSY_S)
            except StoreFull:
                self._report(IngestState.DISK_FULL, "There is no room for the database; ingest waits until there is.")
                self._stop.wait(RETRY_FULL_S)
            else:
                self._report(IngestState.OK, "The database takes records again.")
                self._quarantine_due_ms = monotonic_ms() + QUARANTINE_FLUSH_MS
                return outcome
        return None

    def _report(self, state: IngestState, sentence: str) -> None:
        if state is not self._storing:
            log.log(logging.INFO if state is IngestState.OK else logging.WARNING, sentence)
            self._storing = state

    def _commit(self, batches: list[Authentic], quarantine: Quarantine) -> _Outcome:
        outcome = _Outcome()
        refused = Quarantine()
        refused.merge(quarantine)
        duplicates: Counter[str] = Counter()
        with self._store.transaction() as transaction:
            keys = {(one.batch.device, one.batch.boot) for one in batches}
            known = transaction.watermarks(keys)
            outcome.watermarks = dict(known)
            for one in batches:
                sender = one.device.sender
                key = (sender.device, one.batch.boot)
                outcome.replies.add(key)
                try:
                    decision = admit(one.batch, sender, outcome.watermarks.get(key, 0))
                except Refused as reason:
                    refused.add(reason.reason, one.device, one.size)
                    outcome.verdicts.append((sender, reason.reason))
                    continue
                if decision.missing is not None:
                    transaction.open_gap(*key, decision.missing)
                    continue
                for lost in decision.lost:
                    transaction.add_permanent_gap(*key, lost)
                outcome.rows += decision.rows
                if decision.rows:
                    outcome.verdicts.append((sender, None))
                outcome.watermarks[key] = decision.watermark
                duplicates[sender.device] += decision.duplicates
            outcome.rows = transaction.without_erased(outcome.rows)
            present = transaction.add_records(outcome.rows)
            if present:
                duplicates[""] += present
            moved = {key: mark for key, mark in outcome.watermarks.items() if known.get(key) != mark}
            transaction.set_watermarks(moved)
            transaction.count("duplicates_refused", duplicates)
            transaction.add_quarantined(refused.counts())
        return outcome

    def _greet(self) -> None:
        """After each (re)connect every device hears where it stands, and so does one that has just come online."""
        session = self._consumer.session
        reconnected = session != self._session and self._consumer.connected
        if not reconnected and not self._waiting:
            return
        try:
            latest = self._queries.latest_boots()
        except StoreBusy:
            return
        with self._shared:
            waiting, self._waiting = self._waiting, set()
        for device, boot, watermark in latest:
            if reconnected or device in waiting:
                self._replies.note(device, boot, watermark)
        if reconnected:
            self._session = session

    def _say_stored(self, name: str, boot: int, watermark: int) -> None:
        device = self._registry.by_name(name)
        if device is None:
            return
        topic = str(Topic(device.sender.site, name, STORED))
        self._consumer.publish(topic, seal(device.key, topic, encode_stored(boot, watermark)))
