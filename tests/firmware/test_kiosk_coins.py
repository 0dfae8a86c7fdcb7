"""A coin acceptor's pulses: coins, noise, broken wires."""

import unittest

from chumicro_timing import ticks_add
from chumicro_timing.ticks import TICKS_MAX

from firmware.kiosk.coins import Coins
from tests.firmware.kiosk_fakes import kiosk_settings


def train(coins: Coins, start: int, pulses: int, length_ms: int = 50, gap_ms: int = 100) -> "tuple[list[int], int]":
    """Feed pulses; what was told meanwhile, and the ticks at which the last one ended."""
    told: "list[int]" = []
    at = start
    for number in range(pulses):
        if number:
            at = ticks_add(at, gap_ms)
        told += coins.edge(at, 1)
        at = ticks_add(at, length_ms)
        told += coins.edge(at, 0)
    return told, at


class Trains(unittest.TestCase):
    def setUp(self) -> None:
        self.coins = Coins(kiosk_settings())  # 1, 2, 3 pulses: 10, 100, 200 cents; gap 300 ms

    def test_each_number_of_pulses_is_its_coin_after_the_silence_and_not_before(self) -> None:
        at = 0
        for pulses, cents in ((1, 10), (2, 100), (3, 200)):
            told, end = train(self.coins, at, pulses)
            self.assertEqual(told, [])
            self.assertTrue(self.coins.busy())
            self.assertEqual(self.coins.next_deadline(), ticks_add(end, 300))
            self.assertEqual(self.coins.tick(ticks_add(end, 299)), [])
            self.assertEqual(self.coins.tick(ticks_add(end, 300)), [cents])
            self.assertFalse(self.coins.busy())
            self.assertEqual(self.coins.tick(ticks_add(end, 400)), [])
            at = ticks_add(end, 1000)

    def test_two_coins_are_parted_by_the_silence_even_if_nobody_looked_meanwhile(self) -> None:
        _, end = train(self.coins, 0, 2)
        told, end = train(self.coins, ticks_add(end, 300), 3)
        self.assertEqual(told + self.coins.tick(ticks_add(end, 300)), [100, 200])

    def test_sparks_are_no_coins_and_spoil_none(self) -> None:
        for at in range(0, 2000, 40):
            self.assertEqual(self.coins.edge(at, 1) + self.coins.edge(at + 5, 0), [])
        self.assertEqual(self.coins.tick(5000), [])
        self.coins.edge(10000, 1)
        self.coins.edge(10050, 0)
        self.coins.edge(10070, 1)  # a spark between two pulses
        self.coins.edge(10075, 0)
        self.coins.edge(10150, 1)
        self.coins.edge(10200, 0)
        self.assertEqual(self.coins.tick(10500), [100])
        self.assertEqual(self.coins.noise, 51)

    def test_what_no_coin_has_is_told_as_a_coin_of_unknown_worth(self) -> None:
        _, end = train(self.coins, 0, 4)
        self.assertEqual(self.coins.tick(ticks_add(end, 300)), [0])
        _, end = train(self.coins, 5000, 1, length_ms=151)
        self.assertEqual(self.coins.tick(ticks_add(end, 300)), [0])
        _, end = train(self.coins, 10000, 1, length_ms=150)
        self.assertEqual(self.coins.tick(ticks_add(end, 300)), [10])

    def test_a_wire_that_stays_active_is_stuck_until_it_is_quiet(self) -> None:
        self.coins.edge(0, 1)
        self.assertEqual(self.coins.next_deadline(), 3000)
        self.coins.tick(2999)
        self.assertFalse(self.coins.stuck)
        self.coins.tick(3000)
        self.assertTrue(self.coins.stuck)
        self.assertFalse(self.coins.busy())
        self.coins.edge(9000, 0)
        self.assertFalse(self.coins.stuck)
        self.assertEqual(self.coins.tick(9300), [0])

    def test_over_the_wrap_of_the_clock(self) -> None:
        _, end = train(self.coins, int(TICKS_MAX) - 60, 2)
        self.assertEqual(self.coins.tick(ticks_add(end, 300)), [100])


if __name__ == "__main__":
    unittest.main()
