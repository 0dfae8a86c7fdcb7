"""An interval journal: short lines that survive a power cut until the interval is closed into the outbox.

A journal is a file ``<letter><number>``. Closing is two steps, and a cut between them must not count twice: the outbox
writes the records with the journal's name as their tag (one atomic file), then the journal is removed. A journal
whose name the outbox holds as a tag at boot was closed already, so it is removed and its number is not used again. A
journal is created whole with its first line, so at least that is never torn.
"""


class Journal:
    """``closed`` holds the tags that the outbox found at boot."""

    def __init__(self, storage, letter, closed=()):
        self._storage = storage
        self._letter = letter
        self._number = 0
        self.count = 0
        for tag in closed:
            if tag[0] == letter:
                self._number = max(self._number, int(tag[1:]) + 1)
        for name in storage.names(letter):
            if name[0] != letter or not name[1:].isdigit():
                continue
            if name in closed:
                storage.remove(name)
                continue
            self._number = int(name[1:])
            self._mend(name)
            self.count = sum(1 for _ in storage.lines(name))

    def _mend(self, name):
        """Cut off a last line that a power cut tore: the next one would be written onto its end."""
        data = self._storage.read(name)
        complete = data.rfind(b"\n") + 1
        if complete < len(data):
            self._storage.write(name, data[:complete])

    def name(self):
        return "%s%d" % (self._letter, self._number)

    def append(self, line):
        """Durable when this returns. ``line``: bytes without a newline."""
        if self.count:
            self._storage.append(self.name(), line + b"\n")
        else:
            self._storage.write(self.name(), line + b"\n")
        self.count += 1

    def lines(self):
        if self.count:
            for line in self._storage.lines(self.name()):
                yield line

    def closed(self):
        """The outbox has the records that this journal was for: start the next one."""
        if self.count:
            self._storage.remove(self.name())
        self._number += 1
        self.count = 0
