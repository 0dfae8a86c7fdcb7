"""The Board seam: the one surface between the firmware and any hardware, real or emulated.

A board offers

- ``ticks_ms()``: milliseconds, wrapping at ``TICKS_PERIOD`` (compare with ``ticks_diff``, never subtract);
- ``wait(deadline, poll)``: block until an input event, a ready socket or the deadline (ticks, or None); returns the
  input events in order, each ``(ticks, kind, a, b)``;
- ``apply(arm, lamp, sound, state)``: set the outputs; ``state`` names the turnstile's state, for who watches;
- ``storage``: durable files (see storage.py);
- ``epoch_ms()``: ``(milliseconds since 1970, valid)``;
- ``random_bytes(n)``: from the system, seeded only on emulated boards;
- ``heap_free()``: bytes, or -1 where the runtime can't tell;
- ``emulated``: whether this is hardware that isn't there.

Only numbers live here: implementations are beside this file and in the simulator, and pass one contract suite.
"""

try:
    from micropython import const
except ImportError:  # CPython

    def const(value):  # type: ignore[misc]
        return value


# Inputs: (ticks, kind, a, b)
BEAM = const(1)  # a: index, b: 1 broken, 0 clear
MEDIUM = const(2)  # a: the bytes presented
FIRE = const(3)  # a: 1 on, 0 off
STOP = const(4)  # an emulated board is told to end; real boards lose their power instead

# Outputs
ARM_LOCKED = const(0)
ARM_RELEASED = const(1)  # one passage in the lane's direction
ARM_FREE = const(2)  # all may pass

LAMP_WAIT = const(0)
LAMP_READY = const(1)
LAMP_GO = const(2)
LAMP_STOP = const(3)

SOUND_NONE = const(0)
SOUND_OK = const(1)
SOUND_REFUSED = const(2)
SOUND_ALARM = const(3)
