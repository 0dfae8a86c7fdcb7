"""Arm control: one transition table.

The table below is the whole behaviour; docs/turnstile.md is drawn from it. An event that a state does not list raises
and leaves the state as it was. The engine knows nothing of beams, media or time beyond the deadline of its state.
"""

from chumicro_timing import ticks_add, ticks_diff

from firmware.boards import board as b

# States
LOCKED = "locked"  # nobody may pass; a medium may be presented
REFUSING = "refusing"  # a medium was refused; shown for refuse_ms
RELEASED = "released"  # one rider may enter within release_ms
PASSING = "passing"  # that rider is between the beams
CLEARING = "clearing"  # that rider is through; the lane is not empty yet
INTRUSION = "intrusion"  # somebody is between the beams without right of way
FREE = "free"  # released to all: fire or egress

# Events
GRANTED = "granted"  # a medium was accepted
REFUSED = "refused"
ENTERED = "entered"  # a body broke the first beam with right of way
INTRUDED = "intruded"  # a body broke a beam without it
PASSED = "passed"  # the rider with right of way left by the far side
TURNED_BACK = "turned_back"  # ... left by the near side
CLEARED = "cleared"  # no body is left between the beams
TIMED_OUT = "timed_out"
FIRE_ON = "fire_on"
FIRE_OFF = "fire_off"

TABLE = {
    LOCKED: {GRANTED: RELEASED, REFUSED: REFUSING, INTRUDED: INTRUSION, FIRE_ON: FREE},
    REFUSING: {TIMED_OUT: LOCKED, GRANTED: RELEASED, REFUSED: REFUSING, INTRUDED: INTRUSION, FIRE_ON: FREE},
    RELEASED: {ENTERED: PASSING, INTRUDED: RELEASED, CLEARED: RELEASED, TIMED_OUT: LOCKED, FIRE_ON: FREE},
    PASSING: {PASSED: CLEARING, TURNED_BACK: RELEASED, INTRUDED: PASSING, FIRE_ON: FREE},
    # PASSED and TURNED_BACK come here only when the release to all ended with riders still in the lane.
    CLEARING: {CLEARED: LOCKED, INTRUDED: CLEARING, PASSED: CLEARING, TURNED_BACK: CLEARING, FIRE_ON: FREE},
    INTRUSION: {CLEARED: LOCKED, INTRUDED: INTRUSION, FIRE_ON: FREE},
    FREE: {
        ENTERED: FREE,
        INTRUDED: FREE,
        PASSED: FREE,
        TURNED_BACK: FREE,
        CLEARED: FREE,
        FIRE_OFF: CLEARING,
    },
}

# (arm, lamp, sound) of each state. The arm never closes on a body: it stays released until the lane is empty.
OUTPUTS = {
    LOCKED: (b.ARM_LOCKED, b.LAMP_READY, b.SOUND_NONE),
    REFUSING: (b.ARM_LOCKED, b.LAMP_STOP, b.SOUND_REFUSED),
    RELEASED: (b.ARM_RELEASED, b.LAMP_GO, b.SOUND_OK),
    PASSING: (b.ARM_RELEASED, b.LAMP_WAIT, b.SOUND_NONE),
    CLEARING: (b.ARM_RELEASED, b.LAMP_WAIT, b.SOUND_NONE),
    INTRUSION: (b.ARM_LOCKED, b.LAMP_STOP, b.SOUND_ALARM),
    FREE: (b.ARM_FREE, b.LAMP_GO, b.SOUND_NONE),
}


class TransitionError(Exception):
    """An event that the present state does not list."""


class Turnstile:
    """The machine. ``release_ms`` and ``refuse_ms`` bound the two states that end by themselves."""

    def __init__(self, release_ms=5000, refuse_ms=1500):
        self._limit_ms = {RELEASED: release_ms, REFUSING: refuse_ms}
        self.state = LOCKED
        self._deadline = None

    def handle(self, event, now):
        """Take one event at ``now`` (ticks); returns the new state. Raises TransitionError."""
        after = TABLE[self.state].get(event)
        if after is None:
            raise TransitionError("%s in state %s" % (event, self.state))
        # An event that leaves the state where it is must not lengthen the time left, but a refusal shown anew starts
        # anew.
        if after != self.state or event == REFUSED:
            limit_ms = self._limit_ms.get(after)
            self._deadline = None if limit_ms is None else ticks_add(now, limit_ms)
            self.state = after
        return after

    def tick(self, now):
        """True when the state's time is up and TIMED_OUT was taken."""
        if self._deadline is None or ticks_diff(self._deadline, now) > 0:
            return False
        self.handle(TIMED_OUT, now)
        return True

    def next_deadline(self):
        """Ticks at which ``tick`` has something to do, or None."""
        return self._deadline

    def outputs(self):
        return OUTPUTS[self.state]
