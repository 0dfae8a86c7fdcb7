"""The network's keys: makes them a day ahead, publishes one list of them, and lets private parts go.

Rules: private file first, then key and list in one transaction; what that leaves behind when it fails is removed. A
list's serial only goes upward, also over a database that came back from a backup: the list that was published last lies
beside the private keys, and its keys are taken over again. ``today`` and ``now_ms`` are arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.passes import keyfiles
from gateway.passes.calendar import DAY_MS, Wanted, is_kept, is_listed, wanted
from gateway.passes.keyfiles import KeyFiles
from gateway.passes.keylist import SLOTS, PassKey, key_id, list_hash, read_list, signed_list
from gateway.passes.signing import SigningKey, modulus_bytes, signing_key
from gateway.store.passes import PassStore

log = logging.getLogger("gateline.passes")

BACKUP_PAGES: Final = 2 * SLOTS
"""How many pages are skipped after a restore: more than any device holds of those that are gone."""


class Keyring:
    """The keys of one data directory. Not for several threads at once, but for :meth:`find` and :meth:`signing`."""

    def __init__(self, files: KeyFiles, store: PassStore) -> None:
        """:class:`~gateway.errors.UserError` when the list key is lost, or files can be reached by others."""
        self._files = files
        self._store = store
        self.list_key: RSAPrivateKey = files.list_key()
        self._signing: dict[str, SigningKey] = {}
        self._keys: dict[str, PassKey] = {}
        self.message: bytes | None = None
        """The list that is published now, None before the first."""
        self.number = 0
        self.hash = ""
        self.earlier: tuple[str, ...] = ()
        """Hashes of the lists before, the latest first."""
        self.restored = False
        self._kept = True
        """Whether the list lies beside the private keys; before that it is not published."""

    def load(self) -> None:
        """Read what there is, after a restore from the list that was published last; StoreBusy, UserError."""
        self._files.remove_unfinished()
        self._read()
        published = self._files.published()
        if published is not None:
            self._catch_up(published)
        # A process that ended between the transaction and the file.
        self._kept = self.message is None or self._files.published() == self.message
        known = set(self._keys)
        for orphan in self._files.ids() - known:
            # Made by a process that ended before its list was written: nobody has seen it.
            self._files.remove(orphan)

    def _read(self) -> None:
        keys = {key.id: key for key in self._store.all_keys()}
        lists = self._store.lists()
        if lists:
            self.number, self.hash, self.message = lists[0]
        self.earlier = tuple(told for _, told, _ in lists[1:])
        self._keys = keys
        self._signing = {name: one for name, one in self._signing.items() if name in keys}
        for name in (set(keys) & self._files.ids()) - set(self._signing):
            key = self._files.load(name)
            if key is None or modulus_bytes(key) != keys[name].modulus:
                log.error("The private key %s is damaged; nothing is signed with it. Put it back from a backup.", name)
                continue
            self._signing[name] = signing_key(key)

    def _catch_up(self, published: bytes) -> None:
        try:
            number, keys = read_list(published, self.list_key)
        except ValueError:
            log.error("The key list in %s was not signed by this gateway; it is not used.", self._files.folder)
            return
        if number < self.number or published == self.message:
            return
        log.warning(
            "The database is older than the key list %d that was published: it came back from a backup. The keys of "
            "that list are taken over; what was spent or sold since the backup is not known any more.",
            number,
        )
        self.restored = True
        lost = [key for key in keys if key.id not in self._keys]
        # The published list is the truth: what the backup has beyond it had gone.
        instead = self._keys.keys() - {key.id for key in keys}
        if number == self.number:
            number += 1
            published = signed_list(number, keys, self.list_key)
        self._store.replace_keys(lost, instead, (number, list_hash(published), published))
        self._files.keep_published(published)
        self._read()

    def tick(self, now_ms: int, notice: str, stopped: Callable[[], bool]) -> bool:
        """Make the keys that are missing and let go what has expired; whether the list has changed.

        About 50 ms for each new key; ``stopped`` ends it between two. StoreBusy and StoreFull: then nothing has
        changed. UserError when there is no room for the files: the next call goes on where this one stopped.
        """
        if not self._kept:
            return self._keep_published()
        today = now_ms // DAY_MS
        self._forget_private(now_ms)
        present = {(key.product, key.choice, key.first) for key in self._keys.values()}
        missing = [one for one in wanted(today) if (one.product, one.choice, one.first) not in present]
        expired = [key.id for key in self._keys.values() if not is_listed(key.last, today)]
        if not missing and not expired and self.message is not None:
            return False
        made: list[PassKey] = []
        try:
            for one in missing:
                if stopped():
                    raise InterruptedError
                made.append(self._make(one, notice))
            kept = [key for key in self._keys.values() if key.id not in expired]
            message = signed_list(self.number + 1, kept + made, self.list_key)
            self._store.replace_keys(made, expired, (self.number + 1, list_hash(message), message))
        except BaseException as error:
            for key in made:
                self._files.remove(key.id)
                self._signing.pop(key.id, None)
            if isinstance(error, InterruptedError):
                return False
            raise
        self._kept = False
        self._read()
        return self._keep_published()

    def _keep_published(self) -> bool:
        assert self.message is not None
        self._files.keep_published(self.message)
        self._kept = True
        return True

    def _make(self, one: Wanted, notice: str) -> PassKey:
        private = keyfiles.new_key()
        modulus = modulus_bytes(private)
        key = PassKey(key_id(modulus), one.product, one.choice, notice, one.first, one.sold_to, one.last, modulus)
        try:
            self._files.add(key.id, private)
        except BaseException:
            self._files.remove(key.id)
            raise
        self._signing[key.id] = signing_key(private)
        return key

    def _forget_private(self, now_ms: int) -> None:
        for key in self._keys.values():
            if not is_kept(key.sold_to, now_ms):
                self._signing.pop(key.id, None)
                self._files.remove(key.id)

    def find(self, name: str) -> PassKey | None:
        """The key of that id, if it is on the list."""
        return self._keys.get(name)

    def signing(self, name: str) -> SigningKey | None:
        """Its private part, None when it has been removed or was lost."""
        return self._signing.get(name)

    def listed(self) -> list[PassKey]:
        """All that are on the list."""
        return list(self._keys.values())
