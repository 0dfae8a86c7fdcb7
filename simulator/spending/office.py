"""The gateway's spent set as pages, by the rules of docs/passes.md, "The spent set"; the firmware reads its messages.

Rules: an entry keeps its place; a page has at most PAGE_ENTRIES; only the newest SLOTS pages are published, and of them
those that have changed; page p is retained in slot p modulo SLOTS. Messages are not signed: who reads them here is told
that every signature is right.
"""

import random
from collections.abc import Iterable

PAGE_ENTRIES = 256
SLOTS = 16
_NO_SIGNATURE = b',"sig":"' + b"A" * 342 + b'=="}'


class Office:
    """What the gateway knows is spent. ``own`` draws which of one batch comes on which page."""

    def __init__(self, own: random.Random) -> None:
        self._own = own
        self.place: dict[bytes, int] = {}
        """Nullifier -> how many entries were there before it."""
        self._entries: list[bytes] = []
        self._said: dict[int, tuple[int, int]] = {}
        self.retained: dict[int, bytes] = {}
        """Slot -> message, as the broker keeps them."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, nullifiers: Iterable[bytes]) -> None:
        """A gate told these, or a kiosk exchanged one."""
        new = [nullifier for nullifier in dict.fromkeys(nullifiers) if nullifier not in self.place]
        self._own.shuffle(new)
        for nullifier in new:
            self.place[nullifier] = len(self._entries)
            self._entries.append(nullifier)

    def publish(self) -> list[bytes]:
        """The messages of what has changed, oldest page first; they are retained from now on."""
        if not self._entries:
            return []
        last = (len(self._entries) - 1) // PAGE_ENTRIES
        messages = []
        for page in range(max(0, last - SLOTS + 1), last + 1):
            nullifiers = self._entries[page * PAGE_ENTRIES : (page + 1) * PAGE_ENTRIES]
            if self._said.get(page % SLOTS) != (page, len(nullifiers)):
                self._said[page % SLOTS] = page, len(nullifiers)
                self.retained[page % SLOTS] = _message(page, nullifiers)
                messages.append(self.retained[page % SLOTS])
        return messages


def _message(page: int, nullifiers: Iterable[bytes]) -> bytes:
    entries = ",".join(f'"{entry}"' for entry in sorted(nullifier[:8].hex() for nullifier in nullifiers))
    return f'{{"v":1,"page":{page},"spent":[{entries}]'.encode() + _NO_SIGNATURE
