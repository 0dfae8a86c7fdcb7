"""A coin acceptor's pulses, counted into coins.

An acceptor says what it took by a train of pulses: so many for each kind of coin. A pulse is ``pulse_min_ms`` to
``pulse_max_ms`` long; pulses of one coin are less than ``pulse_gap_ms`` apart, so that much silence ends the train.
Shorter ones are noise on the wire and count for nothing. A longer one, or a number of pulses that no coin has, means
that a coin of unknown worth lies in the escrow: it is told as 0 cents, and the engine gives the money back.
"""

from chumicro_timing import ticks_add, ticks_diff

UNKNOWN_CENTS = 0
STUCK_TIMES = 20  # a pulse this many times too long is no pulse: the wire is broken or short


class Coins:
    """``settings`` gives coins (cents by number of pulses), pulse_min_ms, pulse_max_ms and pulse_gap_ms."""

    def __init__(self, settings):
        self._coins = settings.coins
        self._min_ms = settings.pulse_min_ms
        self._max_ms = settings.pulse_max_ms
        self._gap_ms = settings.pulse_gap_ms
        self._began = None  # ticks at which the present pulse began
        self._ended = None  # ticks at which the last good pulse of the present train ended
        self._pulses = 0
        self._spoilt = False
        self.noise = 0
        self.stuck = False

    def edge(self, ticks, active):
        """The wire became active (1) or quiet (0) at ``ticks``; gives the coins that are complete by then, in cents."""
        found = self.tick(ticks)
        if active:
            if self._began is None:
                self._began = ticks
        elif self._began is not None:
            length_ms = ticks_diff(ticks, self._began)
            self._began = None
            self.stuck = False
            if length_ms < self._min_ms:
                self.noise += 1
            else:
                self._pulses += 1
                self._ended = ticks
                if length_ms > self._max_ms:
                    self._spoilt = True
        return found

    def tick(self, now):
        """Coins that are complete at ``now``, in cents. ``stuck`` is true while the wire stays active for too long."""
        if self._began is not None:
            self.stuck = ticks_diff(now, self._began) >= STUCK_TIMES * self._max_ms
            # The pulse that has begun belongs to the train; only noise would not, and then the silence goes on.
            return []
        if self._ended is None or ticks_diff(now, self._ended) < self._gap_ms:
            return []
        cents = UNKNOWN_CENTS if self._spoilt else self._coins.get(self._pulses, UNKNOWN_CENTS)
        self._ended = None
        self._pulses = 0
        self._spoilt = False
        return [cents]

    def busy(self):
        """A coin is being told: the escrow must not move before it is."""
        return self._ended is not None or (self._began is not None and not self.stuck)

    def next_deadline(self):
        """Ticks at which ``tick`` has something to do, or None."""
        if self._began is not None:
            return None if self.stuck else ticks_add(self._began, STUCK_TIMES * self._max_ms)
        return None if self._ended is None else ticks_add(self._ended, self._gap_ms)
