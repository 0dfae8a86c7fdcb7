"""The gateway's working parts, put together and taken apart in the right order.

Rules: whoever makes a Service holds the data directory's lock until ``close``. Starting and stopping may happen once.
The web application (gateway/api) and the command line drive it; nothing here knows HTTP.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from gateway.broker import HOST, EmbeddedBroker
from gateway.consent.erasures import Erasures
from gateway.consent.keeping import Keeping
from gateway.consent.notices import Notices
from gateway.consent.retention import Retention
from gateway.devices.provisioning import GATEWAY_USER, Provisioning
from gateway.devices.registry import Registry
from gateway.ingest.consumer import Consumer
from gateway.ingest.observer import Observer
from gateway.ingest.pipeline import Pipeline
from gateway.live.state import LiveState, epoch_ms
from gateway.live.world import Orders
from gateway.passes.defaults import DEFAULT_QUOTA, SPENT_INTERVAL_S
from gateway.passes.keyfiles import KeyFiles
from gateway.passes.office import Office
from gateway.replay.runs import Replays
from gateway.results.folder import Runs
from gateway.store.consent import ConsentStore
from gateway.store.database import Database, Lock, StoreBusy, StoreGone, patiently, prepare_directory
from gateway.store.directory import Directory
from gateway.store.passes import PassStore
from gateway.store.queries import Queries
from gateway.store.store import Store

log = logging.getLogger("gateline.gateway")

WATCH_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What a gateway is started with.

    ``broker`` is (host, port) of a broker that runs elsewhere; None starts the embedded one on ``mqtt_port`` (0: any
    free port). ``broker_user`` and ``broker_password`` are for a broker elsewhere; without them the gateway uses its
    own credential of the embedded broker. ``keep_days``: how long consented rows live; None means as long as the
    current notice says, and it can't be longer. ``clock`` gives epoch milliseconds.
    ``quota``: signatures for one kiosk on one service day; ``spent_interval_s``: how often used passes are published.
    ``runs``: the folder of simulated runs whose scorecards are shown, None for none.
    """

    data: Path
    broker: tuple[str, int] | None = None
    mqtt_port: int = 0
    broker_user: str | None = None
    broker_password: str | None = None
    keep_days: int | None = None
    quota: int = DEFAULT_QUOTA
    spent_interval_s: float = SPENT_INTERVAL_S
    clock: Callable[[], int] = epoch_ms
    runs: Path | None = None


class Service:
    """Database, registry, broker, consumer, pipeline and observer of one gateway."""

    def __init__(self, settings: Settings, on_failure: Callable[[], None]) -> None:
        """Open everything on the disk; :class:`~gateway.errors.UserError` where that is not possible.

        ``on_failure`` is called from another thread when ingest ends by an unexpected error.
        """
        self.runs = Runs(settings.runs)
        self.replays = Replays(settings.runs)
        prepare_directory(settings.data)
        self._lock = Lock(
            settings.data / "gateway.lock",
            f"Another gateway works on {settings.data}; end it, or choose another directory with --data.",
        )
        try:
            self.database = Database(settings.data)
        except BaseException:
            self._lock.release()
            raise
        try:
            self.notices = Notices(self.database)
            self.notices.keep()
            self.notices.require_told(settings.keep_days)
            self._erasures = Erasures(settings.data)
        except BaseException:
            self.close()
            raise
        self._settings = settings
        self._on_failure = on_failure
        directory = Directory(self.database)
        self.provisioning = Provisioning(directory)
        self.registry = Registry(directory)
        self.queries = Queries(self.database)
        self.live = LiveState(settings.clock)
        store = ConsentStore(self.database)
        keep_days = partial(self.notices.days_to_keep, settings.keep_days)
        self.keeping = Keeping(store, self._erasures, Retention(keep_days()), self.live, settings.clock, keep_days)
        try:
            self.office = Office(
                KeyFiles(directory),
                PassStore(self.database),
                self.registry.devices,
                lambda: self.notices.current().version,
                settings.clock,
                on_failure,
                settings.quota,
                settings.spent_interval_s,
            )
        except BaseException:
            self.close()
            raise
        self.broker = EmbeddedBroker(settings.data, settings.mqtt_port) if settings.broker is None else None
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._users: dict[str, str] = {}

    @property
    def data(self) -> Path:
        """The folder that this gateway works on."""
        return self._settings.data

    def now_ms(self) -> int:
        """The gateway's clock, epoch milliseconds."""
        return self._settings.clock()

    def start(self) -> None:
        """Start the broker (if it is the embedded one) and the threads."""
        # Before anything is counted or shown: what riders have erased, and what is past its time, goes.
        self.keeping.begin()
        patiently(self.registry.load)
        patiently(self.office.load)
        counts = patiently(self.queries.lane_counts)
        self.live.load((device.sender for device in self.registry.devices()), counts)
        own_password = self.provisioning.gateway_password()
        host, port = self._settings.broker or (HOST, 0)
        if self.broker is not None:
            self._users = self.registry.credentials() | {GATEWAY_USER: own_password}
            self.broker.start(self._users)
            port = self.broker.port
        self.mqtt = (host, port)
        user = self._settings.broker_user
        self.consumer = Consumer(
            host, port, user or GATEWAY_USER, self._settings.broker_password if user else own_password
        )
        store = Store(self.database, self._erasures)
        self.pipeline = Pipeline(self.consumer, self.registry, store, self.queries, self.live, self._on_failure)
        self.observer = Observer(
            self.consumer,
            self.registry,
            self.live,
            self.pipeline,
            self._on_failure,
            self.office.agreement,
            self._settings.clock,
        )
        self.world = Orders(self.consumer, self.registry, self.live, self._settings.clock)
        self.pipeline.start()
        self.observer.start()
        self.consumer.start()
        self._watcher.start()
        self.keeping.start()
        self.office.start(self.consumer)

    def stop(self) -> None:
        """Stop the threads and the broker; the batch in hand is committed first."""
        self.live.stopping.set()
        self._stop.set()
        self._watcher.join()
        self.keeping.stop()
        self.office.stop()
        self.pipeline.stop()
        self.observer.stop()
        self.consumer.stop()
        if self.broker is not None:
            self.broker.stop()

    def close(self) -> None:
        """Close the database and give the data directory free."""
        self.database.close()
        self._lock.release()

    def _watch(self) -> None:
        """Notice new devices, and keep the embedded broker alive and knowing them."""
        try:
            while not self._stop.wait(WATCH_S):
                try:
                    self.database.require_in_place()
                    self.registry.load()
                except StoreBusy:
                    continue
                except StoreGone:
                    # The pipeline looks too, says so and ends the gateway: once is enough.
                    return
                self.live.ensure(device.sender for device in self.registry.devices())
                if self.broker is not None:
                    self._tend(self.broker)
        except Exception:
            log.exception("Looking after devices and broker stopped by an unexpected error; the gateway ends.")
            self._on_failure()

    def _tend(self, broker: EmbeddedBroker) -> None:
        users = self.registry.credentials() | {GATEWAY_USER: self._users[GATEWAY_USER]}
        if broker.running and users == self._users:
            return
        if broker.running:
            log.info("There are new devices; the embedded broker restarts to let them in.")
        else:
            log.warning("The embedded broker has ended; it is started again.")
        self._users = users
        broker.restart(users)
