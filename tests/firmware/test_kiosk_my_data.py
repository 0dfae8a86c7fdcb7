"""The kiosk's engine before a rider who shows a pass: my data, erasing, withdrawing, exchanges that are never lost."""

import unittest

from chumicro_timing import ticks_add

from firmware.kiosk import tickets
from tests.firmware.fakes import DAY_MS
from tests.firmware.kiosk_fakes import Keys
from tests.firmware.kiosk_world import DAY, DEAD, World, buy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEYS = Keys(DAY)


class Later(Keys):
    """The list some days later: day passes are sold under new keys. ``lost``: keys of ``research`` are not found."""

    def __init__(self, keys: Keys, days: int, lost: bool = False) -> None:
        self.keys = keys.keys
        self._days = days
        self._lost = lost

    def find(self, key_id: bytes) -> "Any":
        key = Keys.find(self, key_id)
        return None if self._lost and key is not None and key.choice == "research" else key

    def newest(self, product: str, choice: str, day: int) -> "Any":
        return Keys.newest(self, product, choice, day - self._days if product == "day" else day)


def noted(asked: "list[Any]", effect: "Any", real: "Any") -> "Any":
    asked.append(effect)
    return real(effect)


class MyData(unittest.TestCase):
    def test_a_pass_shows_its_rows_by_tokens_alone(self) -> None:
        world = World(KEYS)
        buy(world)
        text = world.passes()[0]
        world.wait(1)
        asked: "list[Any]" = []
        world.engine.handle(world.now, world.epoch_ms, ("my_data",))
        self.assertIsNone(world.engine.screen()["rows"])
        world.engine.handle(world.now, world.epoch_ms, ("show", text))
        asked += world.engine.effects()
        self.assertEqual([effect[0] for effect in asked], ["rows"])
        shown = tickets.parse(text)
        self.assertEqual(asked[0][1], tickets.tokens(shown, DAY, 8))
        self.assertEqual(len(asked[0][1]), 8)
        row = {"way": "entry", "gate": "gate-1", "at": 1}
        world.engine.handle(world.now, world.epoch_ms, ("rows", [row], asked[0][2]))
        screen = world.engine.screen()
        self.assertEqual((len(screen["rows"]), screen["withdrawable"]), (1, True))

    def test_what_is_no_pass(self) -> None:
        world = World(KEYS)
        world.tick()
        for medium in ("", "ABC", b"", bytes(297), "Ä" * 476, b"A" * 5000, "A" * 476):
            world.tell("show", medium)
            self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("my_data", "malformed"))

    def test_erasing_keeps_the_pass_and_says_how_much(self) -> None:
        world = World(KEYS)
        buy(world)
        text = world.passes()[0]
        world.metal.tray = []
        world.tell("show", text)
        world.tell("erase")
        self.assertEqual(world.engine.state, "erase")
        world.tell("answer", False)
        self.assertEqual((world.engine.state, world.erased), ("my_data", 0))
        world.tell("erase")
        world.tell("answer", True)
        screen = world.engine.screen()
        self.assertEqual((screen["state"], screen["rows"], screen["erased"], world.erased), ("my_data", [], 3, 1))
        self.assertEqual(world.office.spent, set())

    def test_as_many_days_are_asked_for_as_the_notice_says_that_rows_live(self) -> None:
        for keep, days in ((7, 8), (28, 29), (61, 62), (366, 62), (1, 2), (None, 5), (0, 5), ("7", 5)):
            world = World(KEYS, data_days=5)
            buy(world)
            shown = tickets.parse(world.passes()[0])
            world.tell("notice", {"version": "2026-1", "texts": {}, "receipt": {}, "keep_days": keep})
            asked: "list[Any]" = []
            real = world._my_data
            world._my_data = lambda effect, asked=asked, real=real: noted(asked, effect, real)  # type: ignore[method-assign, misc]
            world.tell("show", world.passes()[0])
            self.assertEqual(asked[0][1], tickets.tokens(shown, DAY, days))

    def test_withdrawing_erases_every_day_on_which_the_old_pass_is_valid(self) -> None:
        for days_later in (0, 12):
            world = World(KEYS)
            buy(world)
            shown = tickets.parse(world.passes()[0])
            key = KEYS.find(shown.key_id)
            assert key is not None
            world.now = ticks_add(world.now, 1)
            world.epoch_ms += days_later * DAY_MS
            world.engine._keys = Later(KEYS, days_later)
            asked: "list[Any]" = []
            real = world._my_data
            world._my_data = lambda effect, asked=asked, real=real: noted(asked, effect, real)  # type: ignore[method-assign, misc]
            world.tell("show", world.passes()[0])
            world.tell("withdraw")
            world.tell("answer", True)
            self.assertEqual([effect[0] for effect in asked], ["rows", "erase"])
            wanted = [tickets.tokens(shown, day, 1)[0] for day in range(key.first, key.to + 1)]
            self.assertEqual(sorted(asked[1][1]), sorted(wanted))
            self.assertEqual(len(wanted), 30)
            self.assertEqual(len(world.office.spent), 1)

    def test_a_single_that_went_in_is_erased_and_not_exchanged_for_another_ride(self) -> None:
        row = {"day": 1, "at": 1, "way": "entry", "product": "single", "gate": "gate-1", "transit_ms": 250}
        for way, exchanged in (("entry", 0), ("exit", 1)):
            world = World(KEYS)
            buy(world)
            papers = len(world.passes())
            world.rows = [dict(row, way=way)]
            world.tell("show", world.passes()[0])
            world.tell("withdraw")
            world.tell("answer", True)
            self.assertEqual((len(world.office.spent), world.erased), (exchanged, 1), way)
            self.assertEqual(len(world.passes()), papers + exchanged, way)
            if not exchanged:
                screen = world.engine.screen()
                self.assertEqual((screen["state"], screen["why"], screen["erased"]), ("my_data", "used", 3))

    def test_erasing_alone_leaves_the_days_to_come(self) -> None:
        world = World(KEYS)
        buy(world)
        shown = tickets.parse(world.passes()[0])
        asked: "list[Any]" = []
        real = world._my_data
        world._my_data = lambda effect: noted(asked, effect, real)  # type: ignore[method-assign]
        world.tell("show", world.passes()[0])
        world.tell("erase")
        world.tell("answer", True)
        self.assertEqual(asked[1][1], tickets.tokens(shown, DAY, 8))

    def test_a_late_answer_is_never_taken_for_another_riders(self) -> None:
        world = World(KEYS)
        engine = world.engine
        buy(world)
        world.wait(1)
        buy(world)
        world.wait(1)
        first, second = world.passes()
        asked: "list[Any]" = []

        def tell(*event: "Any") -> None:
            engine.handle(world.now, world.epoch_ms, event)
            asked.extend(effect for effect in engine.effects() if effect[0] in ("rows", "erase", "exchange"))

        rows = [{"way": "entry", "gate": "gate-1", "at": 1}]
        tell("show", first)
        tell("cancel")
        tell("show", second)
        of_first, of_second = asked
        self.assertNotEqual(of_first[2], of_second[2])
        for late in (("rows", rows, of_first[2]), ("rows_failed", of_first[2]), ("rows", rows), ("rows_failed",)):
            tell(*late)
            self.assertEqual((engine.state, engine.screen()["rows"]), ("my_data", None))
            self.assertTrue(engine.screen()["waiting"])
        tell("rows", [], of_second[2])
        self.assertEqual((engine.screen()["rows"], engine.screen()["waiting"]), ([], False))
        tell("cancel")
        for scene in ("erase", "withdraw"):
            for one in (first, second):
                del asked[:]
                tell("show", one)
                tell("rows", rows, asked[0][2])
                tell(scene)
                tell("answer", True)
                if one == first:
                    number = asked[1][2]
                    world.wait(60000)  # nobody answers, and the first rider goes
                    self.assertEqual(engine.state, "sorry")
                    tell("back")
                    world.wait(20000)
                    self.assertEqual(engine.state, "start")
            for nobodys in (("erased", 3, number), ("erase_failed", number), ("erased", 3), ("erase_failed",)):
                tell(*nobodys)
                self.assertEqual((engine.state, engine.screen()["waiting"]), (scene, True))
                self.assertIsNone(engine.screen()["erased"])
            self.assertEqual(world.office.spent, set())
            self.assertNotIn("exchange", [effect[0] for effect in asked])
            if scene == "erase":
                tell("erased", 1, asked[1][2])
                self.assertEqual(engine.screen()["erased"], 1)
                tell("cancel")

    def test_a_list_without_the_old_key_ends_a_withdrawal_before_the_exchange(self) -> None:
        world = World(KEYS)
        buy(world)
        world.engine.effects()
        world.tell("show", world.passes()[0])
        world.tell("withdraw")
        world.engine.handle(world.now, world.epoch_ms, ("answer", True))
        world.engine._keys = Later(KEYS, 0, lost=True)
        world.carry_out()
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", "unknown_key"))
        self.assertEqual(world.office.spent, set())

    def test_a_pass_that_is_not_recorded_has_nothing_to_withdraw(self) -> None:
        world = World(KEYS)
        buy(world, yes=False)
        text = world.passes()[0]
        world.tell("show", text)
        self.assertFalse(world.engine.screen()["withdrawable"])
        world.tell("withdraw")
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("my_data", "not_recorded"))

    def test_a_forged_pass_can_not_be_exchanged(self) -> None:
        world = World(KEYS)
        buy(world)
        text = world.passes()[0]
        forged = text[:100] + ("A" if text[100] != "A" else "B") + text[101:]
        world.tell("show", forged)
        world.tell("withdraw")
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("my_data", "bad_signature"))

    def test_no_answer_is_said(self) -> None:
        for last in (("show",), ("erase",), ("withdraw",)):
            world = World(KEYS)
            buy(world)
            text = world.passes()[0]
            if last[0] != "show":
                world.tell("show", text)
                world.tell(*last)
                world.network = DEAD
                world.tell("answer", True)
            else:
                world.network = DEAD
                world.tell("show", text)
            self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", "unreachable"))
            world.wait(60000)
            self.assertEqual(world.engine.state, "start")
            self.assertEqual(world.office.spent, set())


REFUSALS = ("not_sold", "quota", "keys_differ", "unknown_key", "malformed")


class Exchange(unittest.TestCase):
    def asked_to_withdraw(self, asks: "Any") -> World:
        """A rider who withdraws; ``asks(effect, real)`` stands between kiosk and office."""
        world = World(KEYS)
        buy(world)
        world.wait(30000)
        real = world.office.sign
        world.office.sign = lambda effect: asks(effect, real)  # type: ignore[method-assign]
        world.tell("show", world.passes()[0])
        world.tell("withdraw")
        world.tell("answer", True)
        return world

    def test_no_refusal_makes_the_kiosk_forget_an_exchange_whose_answer_was_lost(self) -> None:
        for reason in REFUSALS:
            for cut in (False, True):
                lost = [True]  # the answer is lost, then the office refuses for two days, then it signs

                def asks(effect: "Any", real: "Any", lost: "Any" = lost, reason: str = reason) -> "Any":
                    if lost == [True]:
                        real(effect)
                        lost[0] = reason
                        return ("sign_refused", effect[1], "unreachable")
                    return ("sign_refused", effect[1], lost[0]) if lost else real(effect)

                world = self.asked_to_withdraw(asks)
                self.assertEqual((len(world.office.spent), world.engine.state), (1, "issue"))
                for _ in range(4):
                    if cut:
                        world.after_cut()
                    world.wait(100000)
                    screen = world.engine.screen()
                    self.assertTrue(screen["owed"])
                    self.assertEqual((screen["state"], len(world.passes())), ("out_of_order", 1))
                del lost[:]
                world.wait(200000)
                self.assertEqual(len(world.passes()), 2)
                key = KEYS.find(tickets.parse(world.passes()[1]).key_id)
                assert key is not None
                self.assertEqual(
                    (key.choice, world.engine.state, world.engine.screen()["owed"]), ("none", "start", False)
                )
                self.assertEqual(world.journal()[2], "exchange")

    def test_the_refusal_of_the_only_question_ends_it_and_leaves_the_old_pass(self) -> None:
        for reason in REFUSALS:
            world = self.asked_to_withdraw(lambda effect, real, why=reason: ("sign_refused", effect[1], why))
            self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", reason))
            world.wait(60000)
            self.assertEqual((world.engine.state, world.engine.screen()["owed"]), ("start", False))
            self.assertEqual(world.office.spent, set())

    def test_what_says_that_this_question_spent_nothing_ends_it_at_any_time(self) -> None:
        for reason in ("spent", "sale_used"):
            answers = ["unreachable", "unreachable"]

            def asks(effect: "Any", real: "Any", answers: "Any" = answers, reason: str = reason) -> "Any":
                return ("sign_refused", effect[1], answers.pop() if answers else reason)

            world = self.asked_to_withdraw(asks)
            self.assertTrue(world.engine.screen()["owed"])
            world.wait(10000)
            self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", reason))
            world.wait(60000)
            self.assertEqual((world.engine.state, world.engine.screen()["owed"]), ("start", False))

    def test_a_wrong_signature_never_ends_it(self) -> None:
        answers = [bytes(256)] * 3

        def asks(effect: "Any", real: "Any") -> "Any":
            return ("signed", effect[1], answers.pop()) if answers else real(effect)

        world = self.asked_to_withdraw(asks)
        self.assertTrue(world.engine.screen()["owed"])
        world.wait(200000)
        self.assertEqual((len(world.passes()), world.engine.screen()["owed"]), (2, False))


if __name__ == "__main__":
    unittest.main()
