"""End-to-end delivery: what to send next, until the gateway says ``stored`` (docs/protocol.md).

Pure logic over the outbox and ticks; the link does the sending. In order, oldest boot first, one batch at the broker
at a time, at most WINDOW sequence numbers beyond the watermark.
"""

from chumicro_timing import ticks_add, ticks_diff

WINDOW = 256
BATCH_RECORDS = 16
# A batch lives in several copies until its PUBACK: records, message, packet, perhaps the packet sent again.
BATCH_BYTES = 2048
RESEND_MS = 5000
RESEND_MAX_MS = 30000
REWIND_MIN_MS = 1000


class Delivery:
    def __init__(self, outbox, boot, resend_ms=RESEND_MS):
        self._outbox = outbox
        self._boot = boot
        self._resend_ms = resend_ms
        self._patience_ms = resend_ms
        self._at = None  # (boot, seq) to send next; None: start from the watermark
        self._busy = False  # a batch waits for its PUBACK
        self._connected = False
        self._silence = None  # ticks at which silence means: send again
        self._rewound = None
        self.refused = 0  # `stored` messages that were refused
        self.resends = 0

    # -- what the link tells

    def connected(self, now):
        """A (new) connection: the broker may have forgotten everything, so start from the watermark."""
        self._connected = True
        self._busy = False
        self._at = None
        self._patience_ms = self._resend_ms
        self._silence = None

    def disconnected(self):
        self._connected = False
        self._busy = False

    def acknowledged(self):
        """The broker has the batch; that says nothing about the gateway."""
        self._busy = False

    def stored(self, boot, seq, now):
        """The gateway's word that all of ``boot`` below ``seq`` is committed. False when refused."""
        outbox = self._outbox
        end = outbox.end(boot)
        if end is None:
            # Of another boot, or all of it confirmed already, which a late repetition may say again.
            if boot != self._boot or seq > outbox.sent_end:
                self.refused += 1
                return False
            return True
        # What an earlier boot left may all have been sent; of this boot we know.
        if not 0 <= seq <= (outbox.sent_end if boot == self._boot else end):
            self.refused += 1
            return False
        if seq > outbox.watermark(boot):
            outbox.confirm(boot, seq)
            self._patience_ms = self._resend_ms
            self._silence = ticks_add(now, self._patience_ms) if len(outbox) else None
            if self._at is not None and self._at < (boot, seq):
                self._at = (boot, seq)
        elif self._behind(boot, seq) and self._may_rewind(now):
            self._rewind(now)
        return True

    def _behind(self, boot, seq):
        """The gateway repeats its watermark although we are past it: it missed something, or has just come back."""
        return seq == self._outbox.watermark(boot) and self._at is not None and self._at > (boot, seq)

    def _may_rewind(self, now):
        return self._rewound is None or ticks_diff(now, self._rewound) >= REWIND_MIN_MS

    def _rewind(self, now):
        self._at = None
        self._rewound = now
        self._silence = None
        self.resends += 1

    # -- what to do

    def next_batch(self, now):
        """``(boot, first seq, records)`` to hand to the link now, or None."""
        if not self._connected or self._busy or not len(self._outbox):
            return None
        if self._silence is not None and ticks_diff(self._silence, now) <= 0:
            self._patience_ms = min(2 * self._patience_ms, RESEND_MAX_MS)
            self._rewind(now)
        outbox = self._outbox
        for boot in outbox.boots():
            seq = outbox.watermark(boot)
            if self._at is not None:
                if boot < self._at[0]:
                    continue
                if boot == self._at[0]:
                    seq = max(seq, self._at[1])
            room = outbox.watermark(boot) + WINDOW - seq
            if room <= 0:
                return None
            found = outbox.batch(boot, seq, min(BATCH_RECORDS, room), BATCH_BYTES)
            if found is not None:
                return self._hand_over(boot, found, now)
        return None

    def _hand_over(self, boot, found, now):
        first, batch, end = found
        self._at = (boot, end)
        if boot == self._boot and end > self._outbox.sent_end:
            self._outbox.sent_end = end
        self._busy = True
        if self._silence is None:
            self._silence = ticks_add(now, self._patience_ms)
        return boot, first, batch

    def next_deadline(self):
        """Ticks at which silence becomes too long, or None. While a PUBACK is awaited, that comes first."""
        return self._silence if self._connected and not self._busy and len(self._outbox) else None
