"""The rider has the money or the pass: power is cut at every change of the storage (and in its midst), before and after
every effect, before every message; the network dies at every message; the storage fills up at every change.

Afterwards the kiosk boots and goes on. Exactly one of two must be true: all coins are in the cup and no pass is on
paper; or the price is in the box and one pass is on paper (perhaps twice the same, which is one pass), and it verifies.
And what the office has signed is in the kiosk's journal.
"""

import sys
import unittest

from firmware.fare import pass_token
from firmware.fare.rsa import verify_pss
from tests.firmware.kiosk_fakes import Keys, nullifier_hex
from tests.firmware.kiosk_world import DAY, DEAD, DEAF, FINE, PowerCut, World, buy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

KEYS = Keys(DAY)
LONG_MS = 600000

# Every so many points the power goes a second time: hundreds of worlds, and MicroPython's arithmetic is slow.
STEP = 3 if sys.implementation.name == "cpython" else 13


def settle(world: World) -> None:
    """Nobody does anything more; whatever is due happens."""
    world.wait(LONG_MS)


class MoneyOrPass(unittest.TestCase):
    def check(self, world: World, where: str) -> None:
        metal = world.metal
        passes = world.passes()
        journal = world.journal()
        self.assertEqual(metal.escrow, 0, where)
        self.assertEqual(metal.cup + metal.box, world.inserted, where)
        self.assertFalse(world.engine.screen()["owed"], where)
        sold = [number for number, what in journal.items() if what == "buy"]
        if metal.box:
            self.assertEqual(metal.box, 300, where)
            self.assertEqual(len(passes), 1, where)
            self.verify(passes[0], where)
        else:
            self.assertEqual(passes, [], where)
        self.assertEqual(len(sold), len(passes), where)
        for number in world.office.signatures:
            self.assertIn(number, journal, where)
        self.assertEqual(world.traces(), [], where)

    def verify(self, text: str, where: str) -> None:
        raw = pass_token.parse(text.encode())
        assert raw is not None, where
        key = KEYS.find(pass_token.key_id(raw))
        assert key is not None, where
        self.assertTrue(verify_pss(key.n, pass_token.message(raw), pass_token.signature(raw)), where)

    def everywhere(
        self, act: "Callable[[World], None]", networks: "tuple[str, ...]", check: "Callable[[World, str], None]"
    ) -> int:
        """Act in one world after the other, each cut a point later; ``networks``: before and after the cut."""
        at = 0
        while True:
            world = World(KEYS, cut_at=at)
            world.network = networks[0]
            try:
                act(world)
                settle(world)
                cut = False
            except PowerCut:
                cut = True
                world.after_cut()
                world.network = networks[1]
                settle(world)
                world.network = FINE
                settle(world)
            check(world, "cut at point %d of %s" % (at, networks))
            if not cut:
                return at
            at += 1

    def test_a_sale_without_any_trouble(self) -> None:
        world = World(KEYS)
        buy(world)
        settle(world)
        self.check(world, "no trouble")
        self.assertEqual((world.metal.box, len(world.passes()), world.engine.state), (300, 1, "start"))
        self.assertEqual(world.journal(), {1: "buy"})

    def test_power_is_cut_at_every_point_of_a_sale(self) -> None:
        self.assertGreater(self.everywhere(buy, (FINE, FINE), self.check), 40)

    def test_power_is_cut_and_no_network_comes_back_for_long(self) -> None:
        self.everywhere(buy, (FINE, DEAD), self.check)

    def test_power_is_cut_and_every_answer_is_lost_afterwards(self) -> None:
        self.everywhere(buy, (FINE, DEAF), self.check)

    def test_power_is_cut_while_answers_are_lost(self) -> None:
        self.everywhere(buy, (DEAF, FINE), self.check)

    def test_power_is_cut_while_money_is_on_its_way_back(self) -> None:
        def cancel(world: World) -> None:
            world.tick()
            world.tell("choose", "single")
            world.insert(100)
            world.tell("cancel")

        self.everywhere(cancel, (FINE, FINE), self.check)

    def test_power_is_cut_a_second_time_at_every_point_of_the_recovery(self) -> None:
        first = World(KEYS)
        buy(first)
        settle(first)
        points = first.points.count
        cuts = 0
        for at in range(points):
            second = 0
            while True:
                world = World(KEYS, cut_at=at)
                try:
                    buy(world)
                    settle(world)
                except PowerCut:
                    pass
                world.after_cut()
                world.points.cut_at = second
                try:
                    settle(world)
                    break
                except PowerCut:
                    cuts += 1
                    world.after_cut()
                    settle(world)
                    self.check(world, "cut at %d, and at %d of the recovery" % (at, second))
                second += STEP
        self.assertGreater(cuts, 300 // STEP)

    def test_the_network_dies_at_every_message(self) -> None:
        for how in (DEAD, DEAF):
            for back_ms in (5000, 40000, LONG_MS):
                world = World(KEYS)
                world.network = how
                buy(world)
                world.wait(back_ms)
                world.network = FINE
                settle(world)
                self.check(world, "%s for %d ms" % (how, back_ms))
                self.assertEqual(world.metal.box, 300 if back_ms < 45000 else 0)

    def test_the_storage_fills_up_at_every_change(self) -> None:
        for kind in ("full", "broken"):
            outcomes = set()
            reference = World(KEYS)
            buy(reference)
            settle(reference)
            for at in range(reference.storage.changes_made + 1):
                world = World(KEYS)
                setattr(world.storage, kind + "_from", at)
                buy(world)
                world.wait(LONG_MS)
                where = "%s from change %d on" % (kind, at)
                self.assertLessEqual(len(world.passes()), 1, where)
                self.assertTrue(not (world.passes() and world.metal.cup), where)
                if kind == "full":  # what needs no room still works: nobody waits for their money
                    self.assertEqual(world.metal.cup == world.inserted or world.passes() != [], True, where)
                setattr(world.storage, kind + "_from", -1)
                settle(world)
                self.check(world, where)
                self.assertEqual(world.engine.state, "start", where)
                outcomes.add(world.metal.box)
            self.assertEqual(outcomes, {0, 300}, kind)

    def test_the_power_goes_while_the_storage_is_broken(self) -> None:
        for at in range(20):
            world = World(KEYS)
            world.storage.broken_from = at
            buy(world)
            world.storage.broken_from = -1
            world.after_cut()
            settle(world)
            self.check(world, "broken from change %d on, then no power" % at)

    def test_a_printer_that_prints_nothing_gives_the_money_back(self) -> None:
        world = World(KEYS)
        world.printer = "nothing"
        buy(world)
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", "printer"))
        settle(world)
        self.check(world, "no paper")
        self.assertEqual((world.metal.cup, world.journal()), (300, {1: "refund"}))

    def test_a_printer_that_may_have_printed_prints_again_and_never_pays_back(self) -> None:
        world = World(KEYS)
        world.printer = "broken"
        buy(world)
        self.assertEqual(world.engine.state, "out_of_order")
        self.assertTrue(world.engine.screen()["owed"])
        world.wait(30000)
        self.assertEqual((world.metal.cup, world.metal.box), (0, 0))
        world.printer = ""
        settle(world)
        self.check(world, "printer")
        self.assertEqual(world.metal.box, 300)

    def test_power_is_cut_at_every_point_while_the_printer_has_no_paper(self) -> None:
        def act(world: World) -> None:
            world.printer = "nothing"
            buy(world)

        self.everywhere(act, (FINE, FINE), self.check)


class OldPassOrNew(unittest.TestCase):
    def sold(self, cut_at: int) -> "tuple[World, str]":
        """A world in which a rider has bought a consented pass; from here on the power may be cut."""
        world = World(KEYS)
        buy(world)
        settle(world)
        text = world.passes()[0]
        world.metal.tray = []
        world.points.count = 0
        world.points.cut_at = cut_at
        return world, text

    def withdraw(self, world: World, text: str) -> None:
        world.tell("show", text)
        world.tell("withdraw")
        world.tell("answer", True)
        if world.engine.state == "hand_over":
            world.tell("taken")

    def check(self, world: World, text: str, where: str) -> None:
        raw = pass_token.parse(text.encode())
        assert raw is not None
        old_is_spent = nullifier_hex(pass_token.nonce(raw)) in world.office.spent
        passes = world.passes()
        self.assertEqual(len(passes), 1 if old_is_spent else 0, where)
        self.assertEqual(list(world.journal().values()).count("exchange"), len(passes), where)
        self.assertEqual((world.metal.cup, world.metal.box, world.metal.escrow), (0, 300, 0), where)
        self.assertEqual(world.traces(), [], where)
        for new in passes:
            made = pass_token.parse(new.encode())
            assert made is not None
            key = KEYS.find(pass_token.key_id(made))
            assert key is not None
            self.assertEqual((key.choice, key.product), ("none", "single"), where)
            self.assertTrue(verify_pss(key.n, pass_token.message(made), pass_token.signature(made)), where)

    def test_power_is_cut_at_every_point_of_a_withdrawal(self) -> None:
        for networks in ((FINE, FINE), (FINE, DEAD), (FINE, DEAF)):
            at = 0
            while True:
                world, text = self.sold(at)
                try:
                    self.withdraw(world, text)
                    settle(world)
                    cut = False
                except PowerCut:
                    cut = True
                    world.after_cut()
                    world.network = networks[1]
                    settle(world)
                    world.network = FINE
                    settle(world)
                self.check(world, text, "cut at %d of %s" % (at, networks))
                if not cut:
                    break
                at += 1
            self.assertGreater(at, 30)

    def test_a_lost_answer_is_asked_for_until_it_comes_however_long(self) -> None:
        world, text = self.sold(-1)
        world.tell("show", text)
        world.tell("withdraw")
        world.network = FINE
        original = world._asked
        # The erasure gets through, the answer of the exchange does not.
        world._asked = lambda effect: (original(effect), ("sign_refused", effect[1], "unreachable"))[1]  # type: ignore[method-assign]
        world.tell("answer", True)
        world.wait(3600000)
        self.assertEqual(len(world.office.spent), 1)
        self.assertEqual((world.engine.state, world.engine.screen()["owed"]), ("out_of_order", True))
        world._asked = original  # type: ignore[method-assign]
        settle(world)
        self.check(world, text, "an hour without an answer")
        self.assertEqual(len(world.passes()), 1)

    def test_a_spent_pass_is_not_exchanged_again(self) -> None:
        world, text = self.sold(-1)
        self.withdraw(world, text)
        settle(world)
        world.metal.tray = []
        self.withdraw(world, text)
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", "spent"))
        settle(world)
        self.assertEqual(world.passes(), [])
        self.assertEqual(world.engine.state, "start")

    def test_while_the_storage_is_full(self) -> None:
        for at in range(24):
            world, text = self.sold(-1)
            world.storage.full_from = world.storage.changes_made + at
            self.withdraw(world, text)
            world.wait(60000)
            world.storage.full_from = -1
            settle(world)
            self.check(world, text, "full from change %d on" % at)


if __name__ == "__main__":
    unittest.main()
