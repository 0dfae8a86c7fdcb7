"""The kiosk's engine: its states and times, what riders may do when, and that who leaves leaves nothing."""

import unittest

from chumicro_timing import ticks_add

from firmware.kiosk import table, tickets
from firmware.kiosk.engine import Kiosk
from tests.firmware.fakes import DAY_MS, MORNING_MS
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


def at_pay() -> World:
    world = World(KEYS)
    world.tick()
    world.tell("choose", "single")
    return world


def at_ask(language: str = "en") -> World:
    world = at_pay()
    world.tell("language", language)
    world.insert(100)
    world.insert(200)
    return world


class Buying(unittest.TestCase):
    def test_the_way_from_choosing_to_handing_over(self) -> None:
        world = World(KEYS)
        states = []
        events: "list[tuple[Any, ...]]" = [("buy",), ("choose", "single"), ("coin", 100), ("coin", 200)]
        world.tick()
        for event in events + [("answer", True), ("taken",)]:
            states.append(world.engine.state)
            if event[0] == "coin":
                world.insert(event[1])
            else:
                world.tell(*event)
        states.append(world.engine.state)
        self.assertEqual(states, ["start", "choose", "pay", "pay", "ask", "hand_over", "start"])

    def test_the_screen_says_what_is_missing(self) -> None:
        world = at_pay()
        world.insert(100)
        screen = world.engine.screen()
        self.assertEqual((screen["price_cents"], screen["paid_cents"], screen["missing_cents"]), (300, 100, 200))
        self.assertEqual(screen["seconds_left"], 120)
        self.assertEqual(world.engine.screen(ticks_add(world.now, 1001))["seconds_left"], 119)

    def test_the_slot_is_open_only_while_something_is_missing(self) -> None:
        world = World(KEYS)
        slot: "list[bool]" = []

        def noted() -> None:
            slot.extend(effect[1] for effect in world.engine.effects() if effect[0] == "coins")

        world.engine.tick(0, MORNING_MS)
        noted()
        for event in (("choose", "single"), ("coin", 100), ("coin", 200)):
            world.engine.handle(0, MORNING_MS, event)
            noted()
        self.assertEqual(slot, [False, True, False])

    def test_a_coin_too_many_gives_all_back(self) -> None:
        world = at_pay()
        world.insert(200)
        world.insert(200)
        self.assertEqual((world.metal.cup, world.engine.state), (400, "pay"))
        screen = world.engine.screen()
        self.assertEqual((screen["paid_cents"], screen["why"]), (0, "no_change"))
        world.insert(100)
        self.assertIsNone(world.engine.screen()["why"])

    def test_a_coin_that_was_under_way_when_the_slot_closed_gives_all_back(self) -> None:
        world = at_ask()
        world.insert(100)
        self.assertEqual((world.metal.cup, world.engine.state), (400, "pay"))

    def test_a_coin_of_unknown_worth_gives_all_back(self) -> None:
        world = at_pay()
        world.insert(100)
        world.metal.escrow += 50
        world.inserted += 50
        world.tell("coin", 0)
        self.assertEqual((world.metal.cup, world.engine.screen()["why"]), (150, "unknown_coin"))

    def test_a_coin_in_a_closed_kiosk_falls_back(self) -> None:
        world = World(KEYS)
        world.tick()
        world.insert(100)
        self.assertEqual((world.metal.cup, world.engine.state), (100, "start"))

    def test_nothing_is_preselected_and_silence_gives_the_money_back(self) -> None:
        world = at_ask()
        self.assertIsNone(world.engine.screen()["choice"])
        world.wait(179999)
        self.assertEqual((world.engine.state, world.metal.cup), ("ask", 0))
        world.wait(1)
        self.assertEqual((world.engine.state, world.metal.cup), ("start", 300))
        self.assertEqual(world.office.reached, 0)

    def test_the_answer_decides_the_key(self) -> None:
        for yes, choice in ((True, "research"), (False, "none")):
            world = at_ask()
            world.tell("answer", yes)
            shown = tickets.parse(world.passes()[0])
            key = KEYS.find(shown.key_id)
            assert key is not None
            self.assertEqual((key.choice, key.product), (choice, "single"))
            self.assertEqual(world.metal.tray[0]["choice"], choice)
            self.assertEqual(world.metal.tray[0]["list_hash"], KEYS.hash)

    def test_without_the_notices_words_nobody_is_asked_and_nobody_is_recorded(self) -> None:
        for notice in (None, {"version": "2025-9", "texts": {}, "receipt": {}}):
            world = World(KEYS)
            world.engine.handle(0, MORNING_MS, ("notice", notice))
            buy(world)
            self.assertEqual(world.metal.tray[0]["choice"], "none")

    def test_a_wrong_signature_is_no_pass(self) -> None:
        world = at_ask()
        world._asked = lambda effect: ("signed", effect[1], bytes(256))  # type: ignore[method-assign]
        world.tell("answer", True)
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", "bad_signature"))
        world.wait(60000)
        self.assertEqual((world.metal.cup, world.passes()), (300, []))

    def test_answers_to_other_sales_mean_nothing(self) -> None:
        world = at_ask()
        world._asked = lambda effect: ("signed", effect[1] + 1, bytes(256))  # type: ignore[method-assign]
        world.tell("answer", True)
        self.assertEqual((world.engine.state, world.engine.ignored), ("issue", 1))

    def test_what_the_office_refuses_is_paid_back(self) -> None:
        for reason in ("quota", "sale_used", "keys_differ", "not_sold", "unknown_key", "malformed"):
            world = at_ask()
            world._asked = lambda effect, why=reason: ("sign_refused", effect[1], why)  # type: ignore[method-assign, misc]
            world.tell("answer", False)
            self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", reason))
            world.wait(60000)
            self.assertEqual((world.metal.cup, world.engine.state, world.journal()), (300, "start", {1: "refund"}))

    def test_the_same_question_is_asked_again_with_the_same_bytes(self) -> None:
        world = at_ask()
        asked: "list[Any]" = []

        def lost(effect: "Any") -> "Any":
            asked.append(effect)
            return ("sign_refused", effect[1], "unreachable")

        world._asked = lost  # type: ignore[method-assign]
        world.tell("answer", True)
        world.wait(20000)
        self.assertGreater(len(asked), 5)
        self.assertEqual(len(set(asked)), 1)

    def test_after_a_failure_to_reach_the_office_it_rests_and_opens_again(self) -> None:
        world = at_ask()
        world.network = DEAD
        world.tell("answer", True)
        world.wait(45000)
        self.assertEqual((world.engine.state, world.engine.screen()["why"]), ("sorry", "unreachable"))
        world.tell("back")
        self.assertEqual(world.engine.state, "out_of_order")
        world.wait(20000)
        self.assertEqual(world.engine.state, "start")

    def test_sale_numbers_only_grow(self) -> None:
        world = World(KEYS)
        for _ in range(3):
            buy(world)
            world.wait(1)
        world.after_cut()
        buy(world)
        self.assertEqual(sorted(world.office.signatures), [1, 2, 3, 4])


class OutOfOrder(unittest.TestCase):
    def why(self, world: World) -> "tuple[str, Any]":
        return world.engine.state, world.engine.screen()["why"]

    def test_without_keys_that_are_still_sold(self) -> None:
        world = World(Keys(DAY - 20))
        world.tick()
        self.assertEqual(self.why(world), ("out_of_order", "keys"))

    def test_it_closes_when_the_last_key_is_no_longer_sold(self) -> None:
        world = World(KEYS)
        world.tick()
        world.epoch_ms += DAY_MS
        world.tick()
        self.assertEqual(self.why(world), ("out_of_order", "keys"))  # the day's key was of yesterday

    def test_without_a_valid_clock(self) -> None:
        world = World(KEYS)
        world.engine.tick(0, None)
        self.assertEqual(self.why(world), ("out_of_order", "clock"))

    def test_a_fault_gives_the_money_back_at_every_step_before_the_signature(self) -> None:
        for what in ("printer", "escrow", "coins", "gateway", "strange"):
            for steps in range(4):
                world = World(KEYS)
                world.tick()
                for event in (("choose", "single"), ("coin", 100), ("coin", 200))[:steps]:
                    if event[0] == "coin":
                        world.insert(int(event[1]))
                    else:
                        world.tell(*event)
                world.tell("fault", what)
                self.assertEqual(world.engine.state, "out_of_order")
                self.assertEqual((world.metal.cup, world.metal.escrow), (world.inserted, 0))
                world.tell("choose", "single")
                self.assertEqual(world.engine.state, "out_of_order")
                world.tell("mended", what)
                self.assertEqual(world.engine.state, "start")

    def test_a_printer_that_fails_while_the_office_is_asked_gives_the_money_back(self) -> None:
        world = at_ask()
        world.network = DEAD
        world.tell("answer", True)
        world.tell("fault", "printer")
        self.assertEqual((world.engine.state, world.metal.cup), ("out_of_order", 300))
        world.wait(1000)
        world.network = "fine"
        world.tell("mended", "printer")
        world.wait(60000)
        self.assertEqual((world.engine.state, world.passes(), world.metal.cup), ("start", [], 300))


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


def everything(thing: "Any", seen: "list[int]") -> "list[Any]":
    """All texts and bytes that can be reached from an object of ours."""
    if id(thing) in seen:
        return []
    seen.append(id(thing))
    if isinstance(thing, (str, bytes)):
        return [thing]
    if isinstance(thing, dict):
        return [found for value in thing.values() for found in everything(value, seen)]
    if isinstance(thing, (list, tuple, set)):
        return [found for value in thing for found in everything(value, seen)]
    if hasattr(thing, "__dict__") and not callable(thing):
        return [found for value in thing.__dict__.values() for found in everything(value, seen)]
    return []


class NoTrace(unittest.TestCase):
    def traces(self, world: World, secrets: "list[Any]") -> "list[Any]":
        # What does not belong to the kiosk's own memory is looked into elsewhere: the storage's files.
        engine: Kiosk = world.engine
        kept = dict(engine.__dict__)
        for name in ("_storage", "_random_bytes", "_keys", "_reporter", "_settings"):
            del kept[name]
        kept["_ledger"] = {name: value for name, value in engine._ledger.__dict__.items() if name != "_storage"}
        found = everything(kept, [])
        for data in world.storage.files.values():
            found.append(data)
        traces = []
        for secret in secrets:
            for one in found:
                if type(one) is type(secret) and secret in one:
                    traces.append((secret, one))
        return traces

    def test_after_a_sale_neither_memory_nor_storage_knows_the_pass(self) -> None:
        world = at_ask("de")
        world.tell("answer", True)
        text = world.passes()[0]
        raw = tickets.parse(text).raw
        secrets = [text, raw, raw[41:], raw[9:41]]
        self.assertNotEqual(self.traces(world, secrets), [])  # it still shows it
        world.wait(30000)
        self.assertEqual(world.engine.state, "start")
        self.assertEqual(self.traces(world, secrets), [])
        self.assertEqual(world.engine.screen()["language"], "en")

    def test_after_my_data_neither_memory_nor_storage_knows_tokens_and_pass(self) -> None:
        world = World(KEYS)
        buy(world)
        text = world.passes()[0]
        world.wait(1)
        shown = tickets.parse(text)
        secrets = [text, shown.raw, shown.nonce] + tickets.tokens(shown, DAY, 8)
        world.tell("show", text)
        self.assertNotEqual(self.traces(world, secrets), [])
        world.wait(120000)
        self.assertEqual(world.engine.state, "start")
        self.assertEqual(self.traces(world, secrets), [])

    def test_every_state_with_a_rider_before_it_ends_by_itself(self) -> None:
        reached = set()
        for events in (
            [("buy",)],
            [("choose", "single")],
            [("choose", "single"), ("coin", 100)],
            [("choose", "single"), ("coin", 100), ("coin", 200)],
            [("choose", "single"), ("coin", 100), ("coin", 200), ("answer", True)],
            [("my_data",)],
            [("show", None)],
            [("show", None), ("erase",)],
            [("show", None), ("withdraw",)],
            [("show", None), ("erase",), ("answer", True)],
        ):
            world = World(KEYS)
            buy(world)
            text = world.passes()[0]
            world.wait(1)
            for event in events:
                if event[0] == "coin":
                    world.insert(int(event[1]))  # type: ignore[call-overload]
                elif event == ("show", None):
                    world.tell("show", text)
                else:
                    world.tell(*event)
            reached.add(world.engine.state)
            world.wait(200000)
            self.assertEqual(world.engine.state, "start")
            self.assertEqual(world.metal.escrow, 0)
        self.assertEqual(reached, {"choose", "pay", "ask", "hand_over", "my_data", "erase", "withdraw"})


class Table(unittest.TestCase):
    def test_what_a_state_does_not_list_changes_nothing(self) -> None:
        world = World(KEYS)
        world.tick()
        events: "list[tuple[Any, ...]]" = [
            ("taken",),
            ("answer", True),
            ("signed", 1, bytes(256)),
            ("sign_refused", 1, "quota"),
            ("printed",),
            ("print_failed",),
            ("rows", []),
            ("rows_failed",),
            ("erased", 1),
            ("erase_failed",),
            ("withdraw",),
            ("erase",),
            ("nonsense",),
        ]
        for event in events:
            world.tell(*event)
            self.assertEqual(world.engine.state, "start")
        self.assertEqual(world.engine.ignored, len(events))

    def test_a_step_that_is_not_listed_is_an_error_and_changes_nothing(self) -> None:
        engine = World(KEYS).engine
        engine._allowed = table.TABLE[table.START]["buy"]
        self.assertRaises(table.TransitionError, lambda: engine._to(table.HAND_OVER))
        self.assertEqual(engine.state, table.START)

    def test_every_event_of_the_table_has_its_method_and_every_state_its_way_out(self) -> None:
        for state, row in table.TABLE.items():
            for event, after in row.items():
                self.assertTrue(event == table.TIMED_OUT or hasattr(Kiosk, "_on_" + event), event)
                for one in after:
                    self.assertIn(one, table.TABLE)
            if state not in (table.START,):
                self.assertIn(table.TIMED_OUT, row)


if __name__ == "__main__":
    unittest.main()
