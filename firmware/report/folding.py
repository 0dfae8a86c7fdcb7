"""Folding: many records into one tally, when the outbox is full (docs/protocol.md, "Folding").

Counts survive, detail does not: a folded consented passage becomes one of ``entries`` or ``exits``.
"""

from firmware.report import records


class Fold:
    """Adds decoded records up; ``record`` gives the tally that stands for them."""

    def __init__(self):
        self._start = None
        self._end = 0
        self._counts = {"entries": 0, "exits": 0, "paid": 0, "free": 0, "declined": 0, "irregular": 0, "notices": 0}

    def add(self, record):
        counts = self._counts
        kind = record["kind"]
        if kind == "tally":
            for name in counts:
                counts[name] += record[name]
            self._span(record["from"], record["to"])
            return
        if kind == "passage":
            counts["entries" if record["way"] == "entry" else "exits"] += 1
            counts["paid"] += 1
        elif kind == "irregular":
            counts["irregular"] += 1
        else:
            counts["notices"] += 1
        if record.get("at"):
            self._span(record["at"], record["at"])

    def _span(self, start, end):
        if self._start is None or start < self._start:
            self._start = start
        if end > self._end:
            self._end = end

    def record(self, folds):
        """The tally, as bytes, standing for ``folds`` sequence numbers."""
        c = self._counts
        return records.tally(
            self._start or 0,
            self._end,
            c["entries"],
            c["exits"],
            c["paid"],
            c["free"],
            c["declined"],
            c["irregular"],
            c["notices"],
            folds,
        )
