"""The office: the one thread that keeps keys, list and spent set as they should be, and publishes them.

Rules: it decides nothing about signatures (issuer.py) and nothing about which keys there must be (calendar.py). What is
published is retained, at every site, with the same bytes; all of it is said again after each connection, and what has
changed at once. A disk that is full or a database that is locked delays it, says so once, and is tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from gateway.devices.registry import Device
from gateway.errors import UserError
from gateway.passes.agreement import Agreement
from gateway.passes.calendar import DAY_MS, GRACE_MS
from gateway.passes.defaults import SPENT_INTERVAL_S
from gateway.passes.issuer import Issuer
from gateway.passes.keyfiles import KeyFiles
from gateway.passes.keylist import SLOTS, signed_page
from gateway.passes.keyring import BACKUP_PAGES, Keyring
from gateway.protocol.topics import PASSES, VERSION
from gateway.store.database import StoreBusy, StoreFull
from gateway.store.passes import PassStore

log = logging.getLogger("gateline.passes")

IDLE_S: Final = 0.25
RETRY_S: Final = 5.0


class Publisher(Protocol):
    """What the office needs of the consumer."""

    connected: bool
    session: int

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None: ...


class Office:
    """Keys, list and spent set of one gateway, looked after by one thread."""

    def __init__(
        self,
        files: KeyFiles,
        store: PassStore,
        devices: Callable[[], Iterable[Device]],
        notice: Callable[[], str],
        clock: Callable[[], int],
        on_failure: Callable[[], None],
        quota: int,
        spent_interval_s: float = SPENT_INTERVAL_S,
    ) -> None:
        """``notice`` gives the version of the current notice, ``clock`` epoch milliseconds.

        ``on_failure`` is called once, from the office's thread, when it ends by an unexpected error. :class:`UserError`
        when the list key is lost or the files can be reached by others.
        """
        self.keyring = Keyring(files, store)
        self.agreement = Agreement()
        self.store = store
        self.issuer = Issuer(self.keyring, store, self.agreement, quota)
        self._files = files
        self._devices = devices
        self._notice = notice
        self._clock = clock
        self._on_failure = on_failure
        self._interval_s = spent_interval_s
        self._session = 0
        self._sites: frozenset[str] = frozenset()
        self._said_list: bytes | None = None
        self._said: dict[int, tuple[int, int, bytes]] = {}
        """Slot -> page, entries and message that were published last."""
        self._next_spent = 0.0
        self._swept_day = -1
        self._differing: list[str] = []
        self._trouble = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="passes", daemon=True)

    def load(self) -> None:
        """Read keys and list; StoreBusy while the database cannot be read. Before :meth:`start`."""
        self.keyring.load()
        pages = max((page for page, _ in self.store.pages(SLOTS)), default=0)
        highest = self._files.page()
        if pages < highest or self.keyring.restored:
            self.store.begin_page(max(pages, highest) + BACKUP_PAGES)
        self._agree()

    def start(self, publisher: Publisher) -> None:
        """Start the thread, which makes missing keys and publishes over ``publisher``."""
        self._publisher = publisher
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self.step(time.monotonic())
                    wait_s, trouble = IDLE_S, ""
                except StoreBusy:
                    wait_s, trouble = IDLE_S, ""
                except StoreFull:
                    wait_s, trouble = RETRY_S, "There is no room for the database of passes; it is tried again."
                except UserError as error:
                    wait_s, trouble = RETRY_S, str(error)
                if trouble and trouble != self._trouble:
                    log.error("%s", trouble)
                self._trouble = trouble
                self._stop.wait(wait_s)
        except Exception:
            log.exception("Looking after keys and passes stopped by an unexpected error; the gateway ends.")
            self._on_failure()

    def step(self, monotonic_s: float) -> None:
        """One round; the thread's, and tests'."""
        now_ms = self._clock()
        changed = self.keyring.tick(now_ms, self._notice(), self._stop.is_set)
        if changed:
            self._agree()
        today = now_ms // DAY_MS
        if today != self._swept_day:
            self.store.remove_expired(today - 1, (now_ms - GRACE_MS) // DAY_MS - 1)
            self._swept_day = today
        self._tell_differing(now_ms)
        if not self._publisher.connected:
            return
        sites = frozenset(device.sender.site for device in self._devices())
        anew = self._publisher.session != self._session or sites != self._sites
        message = self.keyring.message
        if message is not None and (anew or message != self._said_list):
            for site in sites:
                self._publisher.publish(_topic(site, "keys"), message, retain=True)
            self._said_list = message
        if anew or monotonic_s >= self._next_spent:
            self._publish_spent(sites, everything=anew)
            self._next_spent = monotonic_s + self._interval_s
        self._session, self._sites = self._publisher.session, sites

    def _agree(self) -> None:
        self.agreement.publish(self.keyring.hash, self.keyring.earlier, self._clock())

    def _tell_differing(self, now_ms: int) -> None:
        differing = self.agreement.differing(now_ms)
        if differing != self._differing:
            if differing:
                log.error(
                    "Nothing is issued: %s tell another key list than the network's (/v1/passes tells which).",
                    ", ".join(differing),
                )
            else:
                log.warning("All devices tell the network's key list again; passes are issued.")
            self._differing = differing

    def _publish_spent(self, sites: Iterable[str], *, everything: bool) -> None:
        for page, nullifiers in self.store.pages(SLOTS):
            slot = page % SLOTS
            said = self._said.get(slot)
            if not nullifiers and said is None:
                continue
            if said is None or said[:2] != (page, len(nullifiers)):
                # Higher first on the disk, then at the devices: no number is ever used twice.
                if page > self._files.page():
                    self._files.keep_page(page)
                said = self._said[slot] = page, len(nullifiers), signed_page(page, nullifiers, self.keyring.list_key)
            elif not everything:
                continue
            for site in sites:
                self._publisher.publish(_topic(site, f"spent-{slot}"), said[2], retain=True)

    def state(self) -> dict[str, Any]:
        """What the API tells of passes."""
        now_ms = self._clock()
        differing = self.agreement.differing(now_ms)
        return {
            "issuing": "keys_differ" if differing else "no_keys" if self.keyring.message is None else "yes",
            "differing": differing,
            "published": {"serial": self.keyring.number, "hash": self.keyring.hash},
            "trouble": self._trouble or None,
            "quota": self.issuer.quota,
            "spent": self.store.spent_count(),
            "spent_again": self.store.spent_again(),
            "keys": [
                key.told() | {"private": self.keyring.signing(key.id) is not None} for key in self.keyring.listed()
            ],
        }


def _topic(site: str, what: str) -> str:
    return f"gateline/{VERSION}/{site}/{PASSES}/{what}"
