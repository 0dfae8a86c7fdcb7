"""The whole gate and real passes: used when the rider is through, told later, remembered over a boot, without a clock.

Keys, lists and passes are those of tests/golden/passes.json; see test_passes.py.
"""

import gc
import json
import unittest
from binascii import a2b_base64

from chumicro_timing import ticks_add, ticks_diff

from firmware.app import Gate, last_day
from firmware.config import Settings
from firmware.lane import turnstile
from tests.firmware.fakes import DAY_MS, KEY_HEX, FakeBoard, MemoryStorage, beam, medium

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

with open(__file__.rsplit("/", 2)[0] + "/golden/passes.json") as file:
    GOLDEN = json.load(file)
DAY = GOLDEN["day"]
NOON_MS = DAY * DAY_MS + DAY_MS // 2
LISTED = GOLDEN["lists"]["7"].encode()


def text(name: str, which: int = 0) -> bytes:
    found = [each["text"].encode() for each in GOLDEN["passes"] if each["name"] == name]
    chosen: bytes = found[which]
    return chosen


class FakeLink:
    """What the gate asks of its link; ``said`` has the hash that it told with each `online`."""

    is_connected = True

    def __init__(self, *_: "Any") -> None:
        self.said: "list[str]" = []
        self.keys_hash = ""
        self.on_passes: "Any" = None

    def handle(self, now: int) -> None:
        pass

    def say_online(self) -> None:
        self.said.append(self.keys_hash)

    def send_health(self, body: bytes) -> None:
        pass

    def send_batch(self, boot: int, first: int, batch: "list[bytes]") -> None:
        pass

    def next_deadline(self, now: int) -> None:
        return None


class Rig:
    def __init__(
        self,
        storage: "MemoryStorage | None" = None,
        way: str = "entry",
        epoch_ms: int = NOON_MS,
        clock_valid: bool = True,
        listed: bool = True,
    ) -> None:
        gc.collect()  # the last gate's buffers, where the heap is small
        self.board = FakeBoard(storage, epoch_ms)
        self.board.clock_valid = clock_valid
        values = {
            "site": "north",
            "device": "gate-1",
            "class": "emulated",
            "key": KEY_HEX,
            "broker": {"host": "127.0.0.1", "port": 1883, "user": "north/gate-1", "password": "secret"},
            "lane": {"way": way},
            "passes": {"list_key": GOLDEN["list_key"], "passback_ms": 60000, "spent_pages": 1},
            "report": {"interval_ms": 10000, "tally_min": 1},
        }
        self.gate = Gate(self.board, Settings(values, emulated_bundle=True), FakeLink)
        assert self.gate.link is not None
        self.link: "Any" = self.gate.link
        if listed:
            self.link.on_passes("keys", LISTED)

    def after(self, ms: int, *events: "Any") -> None:
        end = ticks_add(self.board.now, ms)
        while True:
            deadline = self.gate.next_deadline(self.board.now)
            if ticks_diff(deadline, end) >= 0:
                break
            self.board.advance(max(1, ticks_diff(deadline, self.board.now)))
            self.gate.handle(self.board.now, [])
        self.board.advance(ticks_diff(end, self.board.now))
        self.gate.handle(self.board.now, [(end, kind, a, value) for _, kind, a, value in events])

    def present(self, presented: bytes) -> "Any":
        """None when the lane was released, else the reason; a refusal is waited for until it has gone."""
        self.after(100, medium(0, presented))
        if self.gate.turnstile.state == turnstile.RELEASED:
            return None
        self.after(1500)
        return self.gate.reason

    def walk(self) -> None:
        for n in range(4):
            self.after(100, beam(0, n, 1))
            if n:
                self.after(100, beam(0, n - 1, 0))
        self.after(100, beam(0, 3, 0))

    def records(self, kind: str) -> "list[Any]":
        every = [json.loads(record) for record in self.gate.outbox.waiting()]
        return [record for record in every if record["kind"] == kind]


class Using(unittest.TestCase):
    def test_a_single_is_used_when_its_rider_is_through(self) -> None:
        for name in ("single research", "single none"):
            rig = Rig()
            self.assertIsNone(rig.present(text(name)))
            rig.after(5000)
            self.assertEqual(rig.gate.turnstile.state, turnstile.LOCKED, "nobody came")
            self.assertIsNone(rig.present(text(name)))
            rig.walk()
            self.assertEqual(rig.present(text(name)), "spent")
            rig.after(20000)
            (record,) = rig.records("spent")
            golden = next(each for each in GOLDEN["passes"] if each["name"] == name)
            self.assertEqual((record["to"], record["nullifiers"]), (golden["to"], [golden["nullifier"]]))
            self.assertEqual(len(rig.records("passage")), 1 if golden["choice"] == "research" else 0)
            for passage in rig.records("passage"):
                self.assertEqual(passage["handle"], golden["handle"])

    def test_an_exit_tells_no_nullifier(self) -> None:
        rig = Rig(way="exit")
        self.assertIsNone(rig.present(text("single none")))
        rig.walk()
        self.assertEqual(rig.present(text("single none")), "spent")
        rig.after(20000)
        self.assertEqual(rig.records("spent"), [])

    def test_a_day_pass_leaves_nothing_but_a_count(self) -> None:
        rig = Rig()
        self.assertIsNone(rig.present(text("day none")))
        rig.walk()
        self.assertEqual(rig.present(text("day none")), "passback")
        rig.after(60000)
        self.assertIsNone(rig.present(text("day none")))
        self.assertEqual(rig.records("spent"), [])
        self.assertNotIn(b"handle", b"".join(rig.board.storage.files.values()))

    def test_no_byte_of_a_pass_is_ever_stored(self) -> None:
        rig = Rig(MemoryStorage(noted=True))
        rig.present(text("single none"))
        rig.walk()
        rig.present(text("day research"))
        rig.walk()
        rig.after(DAY_MS)
        from firmware.fare import pass_token

        for name in ("single none", "day research"):
            raw = pass_token.parse(text(name))
            assert raw is not None
            for _, _, data in rig.board.storage.changes:
                for secret in (raw[9:17], raw[9:17].hex().encode(), raw[60:68], text(name)[20:40]):
                    self.assertNotIn(secret, data)

    def test_what_was_used_is_remembered_over_a_boot_until_the_gateway_has_it(self) -> None:
        first = Rig()
        first.present(text("single none"))
        first.walk()
        held = Rig(MemoryStorage(first.board.storage.files), listed=False)
        self.assertEqual(held.present(text("single none")), "spent", "in the journal; and the key list is durable")
        first.after(20000)
        self.assertEqual(len(first.records("spent")), 1)
        waiting = Rig(MemoryStorage(first.board.storage.files), listed=False)
        self.assertEqual(waiting.present(text("single none")), "spent", "in the outbox")

    def test_the_page_refuses_what_was_used_elsewhere(self) -> None:
        rig = Rig()
        rig.link.on_passes("spent-3", GOLDEN["pages"]["3, grown"].encode())
        self.assertEqual(rig.present(text("single none", 1)), "spent")
        self.assertEqual(rig.present(text("day none", 1)), "spent")
        self.assertIsNone(rig.present(text("single none")))
        way_out = Rig(way="exit")
        way_out.link.on_passes("spent-3", GOLDEN["pages"]["3, grown"].encode())
        self.assertIsNone(way_out.present(text("single none", 1)))


class Keys(unittest.TestCase):
    def test_a_new_list_is_told_at_once_and_the_same_again_is_not(self) -> None:
        rig = Rig(listed=False)
        self.assertEqual(rig.present(text("single none")), "no_keys")
        rig.link.on_passes("keys", LISTED)
        rig.link.on_passes("keys", LISTED)
        self.assertEqual(rig.link.said, [rig.gate.fare.keys.hash])
        self.assertEqual(len(rig.link.said[0]), 64)
        self.assertIsNone(rig.present(text("single none")))
        again = Rig(MemoryStorage(rig.board.storage.files), listed=False)
        self.assertEqual(again.link.keys_hash, rig.gate.fare.keys.hash)

    def test_a_refused_list_is_noted_once_an_interval(self) -> None:
        rig = Rig()
        for _ in range(5):
            rig.link.on_passes("keys", GOLDEN["lists"]["7, other"].encode())
            rig.link.on_passes("keys", b"{}")
        self.assertEqual([record["what"] for record in rig.records("device")], ["boot", "keys_refused"])
        rig.after(10000)
        rig.link.on_passes("keys", b"")
        self.assertEqual([record["what"] for record in rig.records("device")], ["boot"] + ["keys_refused"] * 2)

    def test_nothing_on_those_topics_raises(self) -> None:
        rig = Rig()
        for what in ("keys", "spent-3", "spent-99", "", "else"):
            for payload in (b"", b"\xff" * 300, b"{}", LISTED[:-1], bytes(9000)):
                rig.link.on_passes(what, payload)
        self.assertIsNone(rig.present(text("single none")))


class Clock(unittest.TestCase):
    def test_without_a_valid_clock_the_last_known_day_holds(self) -> None:
        rig = Rig()
        rig.after(10)
        self.assertEqual(last_day(rig.board.storage), DAY)
        lost = Rig(MemoryStorage(rig.board.storage.files), epoch_ms=1000, clock_valid=False, listed=False)
        self.assertIsNone(lost.present(text("day research")))
        lost.walk()
        self.assertEqual(lost.records("passage"), [], "without a day of its own it is only counted")
        self.assertEqual(lost.present(text("day pass of tomorrow")), "not_yet_valid")
        self.assertEqual(last_day(lost.board.storage), DAY)

    def test_a_clock_that_comes_back_holds_at_once(self) -> None:
        rig = Rig(epoch_ms=NOON_MS - 40 * DAY_MS)
        rig.after(10)
        self.assertEqual(rig.present(text("day none")), "not_yet_valid")
        later = Rig(MemoryStorage(rig.board.storage.files), listed=False)
        self.assertIsNone(later.present(text("day none")))
        self.assertEqual(last_day(later.board.storage), DAY)

    def test_the_day_is_written_once_a_day(self) -> None:
        rig = Rig(MemoryStorage(noted=True))
        for _ in range(5):
            rig.after(60000)
        self.assertEqual([name for _, name, _ in rig.board.storage.changes].count("day"), 1)
        rig.after(DAY_MS)
        self.assertEqual([name for _, name, _ in rig.board.storage.changes].count("day"), 2)

    def test_a_day_file_that_is_damaged_is_none(self) -> None:
        for data in (None, b"", b"x", b"\xff"):
            files: "dict[str, bytes]" = {} if data is None else {"day": data}
            self.assertIsNone(last_day(MemoryStorage(files)))


class Bounds(unittest.TestCase):
    def test_the_list_key_is_the_one_of_the_settings(self) -> None:
        self.assertEqual(Rig().gate.fare.keys._list_key, a2b_base64(GOLDEN["list_key"]))


if __name__ == "__main__":
    unittest.main()
