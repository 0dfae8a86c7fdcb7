"""The turnstile's table, walked in full: what is listed happens, what is not is refused and changes nothing."""

import unittest

from chumicro_timing import ticks_add

from firmware.boards import board as b
from firmware.lane import turnstile as t

STATES = (t.LOCKED, t.REFUSING, t.RELEASED, t.PASSING, t.CLEARING, t.INTRUSION, t.FREE)
EVENTS = (
    t.GRANTED,
    t.REFUSED,
    t.ENTERED,
    t.INTRUDED,
    t.PASSED,
    t.TURNED_BACK,
    t.CLEARED,
    t.TIMED_OUT,
    t.FIRE_ON,
    t.FIRE_OFF,
)

# A way to each state from a fresh machine.
WAYS = {
    t.LOCKED: (),
    t.REFUSING: (t.REFUSED,),
    t.RELEASED: (t.GRANTED,),
    t.PASSING: (t.GRANTED, t.ENTERED),
    t.CLEARING: (t.GRANTED, t.ENTERED, t.PASSED),
    t.INTRUSION: (t.INTRUDED,),
    t.FREE: (t.FIRE_ON,),
}


def machine_in(state: str, now: int = 1000) -> t.Turnstile:
    machine = t.Turnstile(5000, 1500)
    for event in WAYS[state]:
        machine.handle(event, now)
    return machine


class Table(unittest.TestCase):
    def test_the_table_has_every_state_and_only_known_events(self) -> None:
        self.assertEqual(sorted(t.TABLE), sorted(STATES))
        self.assertEqual(sorted(t.OUTPUTS), sorted(STATES))
        for state in STATES:
            for event, after in t.TABLE[state].items():
                self.assertIn(event, EVENTS)
                self.assertIn(after, STATES)

    def test_every_state_is_reached_by_its_way(self) -> None:
        for state in STATES:
            self.assertEqual(machine_in(state).state, state)

    def test_every_state_can_be_left_and_leads_back_to_locked(self) -> None:
        for state in STATES:
            seen = {state}
            grown = True
            while grown:
                more = {after for at in seen for after in t.TABLE[at].values()}
                grown = not more <= seen
                seen |= more
            self.assertIn(t.LOCKED, seen, state)

    def test_every_pair_in_the_table_goes_where_it_says(self) -> None:
        for state in STATES:
            for event, after in t.TABLE[state].items():
                machine = machine_in(state)
                self.assertEqual(machine.handle(event, 1000), after)
                self.assertEqual(machine.state, after)

    def test_every_pair_outside_the_table_raises_and_changes_nothing(self) -> None:
        refused = 0
        for state in STATES:
            for event in EVENTS:
                if event in t.TABLE[state]:
                    continue
                machine = machine_in(state)
                deadline = machine.next_deadline()
                with self.assertRaises(t.TransitionError) as caught:
                    machine.handle(event, 2000)
                self.assertEqual(str(caught.exception), "%s in state %s" % (event, state))
                self.assertEqual(machine.state, state)
                self.assertEqual(machine.next_deadline(), deadline)
                refused += 1
        listed = sum(len(t.TABLE[state]) for state in STATES)
        self.assertEqual(refused, len(STATES) * len(EVENTS) - listed)

    def test_fire_frees_every_other_state(self) -> None:
        for state in STATES:
            if state != t.FREE:
                machine = machine_in(state)
                machine.handle(t.FIRE_ON, 1000)
                self.assertEqual(machine.state, t.FREE)
                self.assertIsNone(machine.next_deadline())

    def test_nothing_but_its_end_takes_the_gate_out_of_free(self) -> None:
        for event, after in t.TABLE[t.FREE].items():
            self.assertEqual(after == t.FREE, event != t.FIRE_OFF, event)


class Outputs(unittest.TestCase):
    def test_outputs_of_every_state(self) -> None:
        expected = {
            t.LOCKED: (b.ARM_LOCKED, b.LAMP_READY, b.SOUND_NONE),
            t.REFUSING: (b.ARM_LOCKED, b.LAMP_STOP, b.SOUND_REFUSED),
            t.RELEASED: (b.ARM_RELEASED, b.LAMP_GO, b.SOUND_OK),
            t.PASSING: (b.ARM_RELEASED, b.LAMP_WAIT, b.SOUND_NONE),
            t.CLEARING: (b.ARM_RELEASED, b.LAMP_WAIT, b.SOUND_NONE),
            t.INTRUSION: (b.ARM_LOCKED, b.LAMP_STOP, b.SOUND_ALARM),
            t.FREE: (b.ARM_FREE, b.LAMP_GO, b.SOUND_NONE),
        }
        for state in STATES:
            self.assertEqual(machine_in(state).outputs(), expected[state])


class Time(unittest.TestCase):
    def check_ends(self, state: str, after_ms: int) -> None:
        # The last start lies so near the end of the ticks that the deadline wraps.
        for start in (0, 1000, (1 << 29) - 700):
            machine = machine_in(state, start)
            end = ticks_add(start, after_ms)
            self.assertEqual(machine.next_deadline(), end)
            self.assertFalse(machine.tick(ticks_add(end, -1)))
            self.assertEqual(machine.state, state)
            self.assertTrue(machine.tick(end))
            self.assertEqual(machine.state, t.LOCKED)
            self.assertIsNone(machine.next_deadline())
            self.assertFalse(machine.tick(ticks_add(end, 1)))

    def test_a_release_ends_on_its_millisecond(self) -> None:
        self.check_ends(t.RELEASED, 5000)

    def test_a_refusal_ends_on_its_millisecond(self) -> None:
        self.check_ends(t.REFUSING, 1500)

    def test_the_other_states_have_no_end_of_their_own(self) -> None:
        for state in (t.LOCKED, t.PASSING, t.CLEARING, t.INTRUSION, t.FREE):
            self.assertIsNone(machine_in(state).next_deadline())
            self.assertFalse(machine_in(state).tick(100000))

    def test_an_intruder_does_not_lengthen_a_release(self) -> None:
        machine = machine_in(t.RELEASED, 1000)
        machine.handle(t.INTRUDED, 4000)
        machine.handle(t.CLEARED, 4500)
        self.assertEqual(machine.next_deadline(), 6000)

    def test_a_second_refusal_is_shown_in_full(self) -> None:
        machine = machine_in(t.REFUSING, 1000)
        machine.handle(t.REFUSED, 2000)
        self.assertEqual(machine.next_deadline(), 3500)

    def test_a_rider_who_turned_back_gets_the_whole_time_again(self) -> None:
        machine = machine_in(t.PASSING, 1000)
        machine.handle(t.TURNED_BACK, 3000)
        self.assertEqual(machine.next_deadline(), 8000)


if __name__ == "__main__":
    unittest.main()
