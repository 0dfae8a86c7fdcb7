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
        world.wait(90000)
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
