"""The spent set as a gate holds it: the network's newest pages, and what this gate itself has let through.

Rules (docs/passes.md, "The spent set"): pages are signed as the key list is; a page is taken again only when it has
grown; when a newer one comes, the oldest is forgotten. Memory is set aside once, 8 bytes an entry, and looking up makes
no garbage: a search in bytes, where a find between two entries is passed over.

Pages are not kept over a power cut: the broker retains them and hands them over at every connection, while writing each
growing page to flash would wear it. What this gate has let through is kept (report/reporter.py) until the gateway has
it.
"""

from firmware.boards.board import const
from firmware.fare import signed
from firmware.fare.rsa import verify_pss

PAGE_MAX_BYTES = 8192
PAGE_ENTRIES = const(256)
ENTRY_BYTES = const(8)
_CONTEXT = b"gateline/1/passes/spent"
_ENTRY_TEXT = const(19)  # 16 digits, two quotation marks, a comma


def find(buffer, entry, start, end):
    """Whether ``entry`` (8 bytes) is one of those in ``buffer`` from byte ``start`` to ``end``; both lie on entries."""
    at = buffer.find(entry, start, end)
    while at >= 0:
        if at % ENTRY_BYTES == 0:
            return True
        at = buffer.find(entry, at + 1, end)
    return False


def _head(payload):
    """(cursor at the first entry, page, number of entries by length); ValueError."""
    body = memoryview(payload)[: -signed.TAIL_BYTES]
    cursor = signed.Cursor(body)
    cursor.skip(b'{"v":1,"page":')
    page = cursor.integer()
    cursor.skip(b',"spent":[')
    count, rest = divmod(cursor.left(), _ENTRY_TEXT)  # each entry but the last has a comma, and a bracket comes last
    if rest > 1 or count > PAGE_ENTRIES or (rest and count):
        raise ValueError("not a page")
    return cursor, page, count


def _entries(cursor, count):
    """The entries of a page; ValueError."""
    before = b""
    for index in range(count):
        if index:
            cursor.skip(b",")
        cursor.skip(b'"')
        entry = signed.small_hex(cursor.take(2 * ENTRY_BYTES))
        cursor.skip(b'"')
        if entry <= before:
            raise ValueError("not sorted")
        before = entry
        yield entry
    cursor.skip(b"]")
    cursor.ends()


class SpentPages:
    """The newest ``pages`` (1 to 16) pages. ``list_key`` as in keylist.py."""

    def __init__(self, list_key, pages, verify=verify_pss):
        self._list_key = list_key
        self._verify = verify
        self._pages = pages
        self._entries = bytearray(pages * PAGE_ENTRIES * ENTRY_BYTES)
        self._numbers = [-1] * pages  # which page is in each place
        self._counts = [0] * pages
        self.newest = -1

    def __len__(self):
        """How many entries are held."""
        return sum(self._counts)

    def accept(self, payload):
        """Whether a page (bytes) that came was taken; not one that is held, shrunk, old, badly signed, or none."""
        if self._list_key is None or len(payload) > PAGE_MAX_BYTES:
            return False
        try:
            # The cheap questions first: at every connection the broker hands over what is held already.
            cursor, page, count = _head(payload)
            if not self._wanted(page, count):
                return False
            signed.body_of(payload, _CONTEXT, self._list_key, self._verify)
            for _ in _entries(cursor, count):
                pass  # all of them are looked at before one takes its place
        except ValueError:
            return False
        place = page % self._pages
        at = place * PAGE_ENTRIES * ENTRY_BYTES
        for entry in _entries(_head(payload)[0], count):
            self._entries[at : at + ENTRY_BYTES] = entry
            at += ENTRY_BYTES
        self._numbers[place] = page
        self._counts[place] = count
        if page > self.newest:
            self.newest = page
            self._forget()
        return True

    def _wanted(self, page, count):
        if page <= self.newest - self._pages:
            return False
        place = page % self._pages
        return self._numbers[place] < page or (self._numbers[place] == page and count > self._counts[place])

    def _forget(self):
        """Pages that are too old for where the newest is."""
        for place in range(self._pages):
            if self._numbers[place] <= self.newest - self._pages:
                self._numbers[place] = -1
                self._counts[place] = 0

    def has(self, nullifier):
        """Whether one of the pages has it."""
        entry = nullifier[:ENTRY_BYTES]
        for place in range(self._pages):
            start = place * PAGE_ENTRIES * ENTRY_BYTES
            if find(self._entries, entry, start, start + self._counts[place] * ENTRY_BYTES):
                return True
        return False


class Used:
    """The last ``capacity`` nullifiers that were used at this gate; the oldest is forgotten first."""

    def __init__(self, capacity):
        self._capacity = capacity
        self._entries = bytearray(capacity * ENTRY_BYTES)
        self._count = 0
        self._next = 0

    def __len__(self):
        return self._count

    def add(self, nullifier):
        at = self._next * ENTRY_BYTES
        self._entries[at : at + ENTRY_BYTES] = nullifier[:ENTRY_BYTES]
        self._next = (self._next + 1) % self._capacity
        if self._count < self._capacity:
            self._count += 1

    def has(self, nullifier):
        return find(self._entries, nullifier[:ENTRY_BYTES], 0, self._count * ENTRY_BYTES)
