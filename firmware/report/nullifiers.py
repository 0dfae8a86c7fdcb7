"""Used singles, kept durably until they are told in ``spent`` records (docs/protocol.md).

Rules: they are told in an order drawn by chance, at most 64 in a record, one record for each last day of a key; when
the outbox is full they wait here, up to NULLIFIERS_MAX. A power cut loses none and tells none twice.

A file ``s<number>``: the service day in the first line, then ``<last day of the key> <32 hex digits>``. Telling goes in
steps of at most 64, so that a busy interval never has to fit the heap: what is left goes to the file with the next
number, then the records go to the outbox with the old file's name as their tag, then the old file goes. At boot the
lowest file whose name the outbox does not know is the true one; a higher one is a copy that was not finished.
"""

from binascii import unhexlify

from firmware.report import records
from firmware.report.chance import below, shuffle

NULLIFIERS_MAX = 2048
_TOLD_AT_ONCE = 64
_LETTER = "s"
_LINES_AT_ONCE = 32
_SPENT = b'{"kind":"spent"'
_FIRST_DIGIT = b'":["'


class Nullifiers:
    """``outbox`` takes the records; its ``tags`` are the files that it has taken before this boot."""

    def __init__(self, storage, outbox, random_bytes):
        self._storage = storage
        self._outbox = outbox
        self._random_bytes = random_bytes
        self._number = 0
        self.count = 0
        self.day = None  # the service day on which the first of them was used
        self.dropped = 0
        for tag in outbox.tags:
            if tag[0] == _LETTER:
                self._number = max(self._number, int(tag[1:]) + 1)
        present = [int(name[1:]) for name in storage.names(_LETTER) if name[1:].isdigit()]
        kept = [number for number in present if self._name(number) not in outbox.tags]
        for number in present:
            if not kept or number != min(kept):
                storage.remove(self._name(number))
        if kept:
            self._number = min(kept)
            self._mend()

    def _mend(self):
        """Cut off a last line that a power cut tore, and count the others."""
        data = self._storage.read(self._name(self._number))
        complete = data.rfind(b"\n") + 1
        if complete < len(data):
            self._storage.write(self._name(self._number), data[:complete])
        self.count = data.count(b"\n") - 1
        self.day = int(data[: data.find(b"\n")])

    @staticmethod
    def _name(number):
        return "%s%d" % (_LETTER, number)

    def add(self, nullifier, to, day):
        """Keep one (32 hex digits), durable when this returns; ``to``: last day of its key; ``day``: today's."""
        if self.count >= NULLIFIERS_MAX:
            self.dropped += 1
            return
        line = "%d %s\n" % (to, nullifier)
        name = self._name(self._number)
        if self.count:
            self._storage.append(name, line.encode())
        else:
            self.day = day
            self._storage.write(name, ("%d\n%s" % (day, line)).encode())
        self.count += 1

    def tell(self):
        """Hand all to the outbox, as long as that has room."""
        while self.count and self._outbox.has_room():
            self._tell_some()

    def _tell_some(self):
        wanted = min(self.count, _TOLD_AT_ONCE)
        chosen = self._choose(wanted)
        shuffle(self._random_bytes, chosen)
        by_day: dict = {}
        for line in chosen:
            to, nullifier = line.decode().split(" ")
            by_day.setdefault(to, []).append(nullifier)
        made = [records.spent(int(to), nullifiers) for to, nullifiers in by_day.items()]
        name = self._name(self._number)
        self._outbox.append_closing(made, name)
        self._storage.remove(name)
        self._number += 1
        self.count -= wanted

    def _choose(self, wanted):
        """``wanted`` lines, each set of so many equally likely (selection sampling); the rest goes to the next file."""
        chosen: list = []
        rest: list = []
        left = self.count
        following = self._name(self._number + 1)
        first = True
        for line in self._storage.lines(self._name(self._number)):
            if first:
                if wanted < self.count:
                    self._storage.write(following, line + b"\n")
                first = False
                continue
            if below(self._random_bytes, left) < wanted - len(chosen):
                chosen.append(line)
            else:
                rest.append(line)
                if len(rest) == _LINES_AT_ONCE:
                    self._storage.append(following, b"\n".join(rest) + b"\n")
                    rest = []
            left -= 1
        if rest:
            self._storage.append(following, b"\n".join(rest) + b"\n")
        return chosen

    def known(self):
        """Every nullifier (16 bytes) that is kept here or waits in the outbox."""
        if self.count:
            first = True
            for line in self._storage.lines(self._name(self._number)):
                if not first:
                    yield unhexlify(line[-32:])
                first = False
        for record in self._outbox.waiting():
            if record.startswith(_SPENT):
                at = record.find(_FIRST_DIGIT) + len(_FIRST_DIGIT)
                while at < len(record) - 32:
                    yield unhexlify(record[at : at + 32])
                    at += 35
