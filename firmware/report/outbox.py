"""The outbox: every record not yet confirmed, in durable storage, in order (docs/protocol.md, "stored" and "Folding").

Records lie in segments of at most SEGMENT_RECORDS lines, one file each, named ``q<boot>-<first seq>``; a line is
``<folds> <tag> <record>``. Confirmation deletes whole segments, so flash is written once a record; what is confirmed
inside a
segment is not noted and may be sent again after a restart, where the gateway refuses it as a duplicate. In memory
there is one small list entry a segment, never a record.

A *tag* ties a record to the interval journal it closes: see journal.py. Bounded at ``capacity`` lines; beyond it the
oldest
records never sent are folded; where nothing may be folded, up to twice the capacity is kept and then records are
dropped, counted, and declared by a ``storage_lost`` record.
"""

import json

from firmware.report import records
from firmware.report.folding import Fold

SEGMENT_RECORDS = 32
_NO_TAG = "-"
_NEVER_FOLDED = (b'{"kind":"spent"', b'{"kind":"sales"', b'{"kind":"consents"')


class Segment:
    """Lines ``[first, end)`` of one boot's sequence numbers in one file: a line a number, or one line folded for
    all."""

    def __init__(self, boot, first):
        self.boot = boot
        self.first = first
        self.end = first
        self.count = 0
        self.confirmed = first  # the gateway has everything below
        self.full = False
        self.whole = False  # what is in it can't be folded into a tally

    def name(self):
        return "q%08d-%08d" % (self.boot, self.first)

    def pending(self):
        """Lines not yet confirmed."""
        if self.end - self.first == self.count:
            return self.end - self.confirmed
        return self.count if self.confirmed < self.end else 0


class Outbox:
    """``boot`` is this boot's number. Loading reads what earlier boots left; ``tags`` then holds the journals they
    closed."""

    def __init__(self, storage, boot, capacity=512):
        self._storage = storage
        self._boot = boot
        self._capacity = capacity
        self._segments = []
        self._unsaid = 0  # sequence numbers dropped and not yet declared
        self.next_seq = 0
        self.sent_end = 0  # of this boot: below it records may have been sent, and are never folded
        self.dropped = 0
        self.damaged = 0  # segments that were found damaged at boot
        self.folded = 0
        self.tags = set()
        self._load()

    # -- at boot

    def _load(self):
        told_to = None  # (boot, seq) up to which everything kept can be told
        for name in self._storage.names("q"):
            boot, first = int(name[1:9]), int(name[10:])
            damaged = self.damaged
            end, count = self._read_segment(name, first)
            if told_to is None or told_to[0] != boot:
                told_to = (boot, first) if count or self.damaged > damaged else None
            if not count or first < told_to[1]:
                # Nothing complete was written, or a fold that covers it was interrupted before the removal.
                self._storage.remove(name)
                continue
            if first > told_to[1]:
                # The storage lost records that nobody confirmed.
                self._write_lost(boot, told_to[1], first)
            self._add(boot, first, end, count)
            told_to = (boot, end)

    def _read_segment(self, name, first):
        """(end, lines) of one file. It ends where a line can't be understood: what is behind can't be told any more."""
        end = first
        count = 0
        for line in self._storage.lines(name):
            try:
                folds, tag, record = line.split(b" ", 2)
                spans = int(folds)
                if spans < 1 or not record.startswith(b'{"kind":"') or not record.endswith(b"}"):
                    raise ValueError(name)
                json.loads(record)
            except ValueError:
                self.damaged += 1
                kept = []
                for good in self._storage.lines(name):
                    if len(kept) == count:
                        break
                    kept.append(good + b"\n")
                self._storage.write(name, b"".join(kept))
                break
            end += spans
            count += 1
            if tag != b"-":
                self.tags.add(tag.decode())
        return end, count

    def _add(self, boot, first, end, count):
        """Note a segment that is in storage and takes no more lines."""
        segment = Segment(boot, first)
        segment.end = end
        segment.count = count
        segment.full = True
        self._segments.append(segment)

    def _write_lost(self, boot, first, end):
        record = records.notice(0, "storage_lost", end - first)
        self._storage.write(Segment(boot, first).name(), self._line(record, end - first, _NO_TAG))
        self._add(boot, first, end, 1)

    # -- writing

    def append(self, record):
        """Keep one record (bytes). It is durable when this returns. OSError when the storage is full or broken."""
        self._make_room(1)
        if self._lines() >= 2 * self._capacity:
            self.dropped += 1
            self._unsaid += 1
            return
        self._keep(record, _NO_TAG)

    def _keep(self, record, tag):
        """One more line at the end. A power cut leaves the whole line or none of it."""
        self._declare_dropped()
        segment = self._segments[-1] if self._segments else None
        whole = record.startswith(_NEVER_FOLDED)
        if segment is None or segment.full or segment.boot != self._boot or segment.whole != whole:
            segment = Segment(self._boot, self.next_seq)
            segment.whole = whole
            self._storage.write(segment.name(), self._line(record, 1, tag))
            self._segments.append(segment)
        else:
            self._storage.append(segment.name(), self._line(record, 1, tag))
        segment.count += 1
        segment.full = segment.count >= SEGMENT_RECORDS
        self.next_seq += 1
        segment.end = self.next_seq

    def append_closing(self, batch, tag):
        """Keep several records at once, all or none, and note that they close the journal ``tag``. Never dropped."""
        self._make_room(len(batch))
        if len(batch) == 1:
            self._keep(batch[0], tag)
            return
        self._declare_dropped()
        first = self.next_seq
        lines = b"".join(self._line(record, 1, tag) for record in batch)
        self._storage.write(Segment(self._boot, first).name(), lines)
        self.next_seq += len(batch)
        self._add(self._boot, first, self.next_seq, len(batch))
        self._segments[-1].whole = batch[0].startswith(_NEVER_FOLDED)

    @staticmethod
    def _line(record, folds, tag):
        return ("%d %s " % (folds, tag)).encode() + record + b"\n"

    def _declare_dropped(self):
        if self._unsaid:
            first = self.next_seq
            self.next_seq += self._unsaid
            self._unsaid = 0
            self._write_lost(self._boot, first, self.next_seq)

    # -- the bound

    def has_room(self):
        """Whether records that can't be folded should come; where not, they had better wait where they are."""
        return self._lines() < self._capacity

    def _lines(self):
        return sum(segment.count for segment in self._segments)

    def _make_room(self, wanted):
        while self._lines() + wanted > self._capacity and self._fold():
            pass

    def _fold(self):
        """Fold the two oldest neighbouring segments never sent (or one, of several lines) into one line.

        What a tally can't say (used singles, what a kiosk counted) stays as it is, and so do those around it alone.
        """
        targets = self._to_fold()
        if not targets:
            return False
        fold = Fold()
        for segment in targets:
            for line in self._storage.lines(segment.name()):
                fold.add(json.loads(line.split(b" ", 2)[2]))
        first = targets[0]
        end = targets[-1].end
        self.folded += sum(segment.count for segment in targets)
        self._storage.write(first.name(), self._line(fold.record(end - first.first), end - first.first, _NO_TAG))
        for segment in targets[1:]:
            self._storage.remove(segment.name())
            self._segments.remove(segment)
        first.end = end
        first.count = 1
        first.full = True
        return True

    def _to_fold(self):
        before = None
        for segment in self._segments:
            if segment.boot != self._boot or segment.first < self.sent_end or segment.whole:
                before = None
            elif before is not None:
                return [before, segment]
            elif segment.count > 1:
                following = self._segments.index(segment) + 1
                if following < len(self._segments) and not self._segments[following].whole:
                    return [segment, self._segments[following]]
                return [segment]
            else:
                before = segment
        return None

    # -- reading and confirming

    def __len__(self):
        """Lines not yet confirmed."""
        return sum(segment.pending() for segment in self._segments)

    def batch(self, boot, seq, max_records, max_bytes):
        """Records of one boot from ``seq`` on: ``(first seq, records, seq after them)``, or None when there are
        none."""
        batch: list = []
        size = 0
        first = None
        at = seq
        for segment in self._segments:
            if segment.boot != boot or segment.end <= seq:
                continue
            at = segment.first
            for line in self._storage.lines(segment.name()):
                folds, _, record = line.split(b" ", 2)
                end = at + int(folds)
                if end > seq:
                    if batch and (size + len(record) > max_bytes or len(batch) == max_records):
                        return first, batch, at
                    if first is None:
                        first = at
                    batch.append(record)
                    size += len(record)
                at = end
        return (first, batch, at) if batch else None

    def waiting(self):
        """Every record that is kept, oldest first, one at a time."""
        for segment in self._segments:
            for line in self._storage.lines(segment.name()):
                yield line.split(b" ", 2)[2]

    def boots(self):
        """Boots with unconfirmed records, oldest first."""
        found = []
        for segment in self._segments:
            if segment.boot not in found and segment.pending():
                found.append(segment.boot)
        return found

    def watermark(self, boot):
        """The sequence number of a boot below which nothing needs sending; 0 when nothing of it is kept."""
        for segment in self._segments:
            if segment.boot == boot:
                return segment.confirmed
        return 0

    def end(self, boot):
        """The sequence number after the last kept record of a boot, or None when none is kept."""
        end = None
        for segment in self._segments:
            if segment.boot == boot:
                end = segment.end
        return end

    def confirm(self, boot, seq):
        """Everything of ``boot`` below ``seq`` is in the gateway's database: forget whole segments."""
        kept = []
        for segment in self._segments:
            if segment.boot == boot and segment.end <= seq:
                self._storage.remove(segment.name())
            else:
                if segment.boot == boot and seq > segment.confirmed:
                    segment.confirmed = seq
                kept.append(segment)
        self._segments = kept
