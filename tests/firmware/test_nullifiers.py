"""Used singles: told with the tally, shuffled, once, whatever is cut; never with a passage, and never folded."""

import gc
import json
import sys
import unittest

from firmware.fare.decision import Decision
from firmware.report import nullifiers
from firmware.report.chance import below
from firmware.report.nullifiers import Nullifiers
from firmware.report.outbox import Outbox
from firmware.report.reporter import Reporter
from tests.firmware.fakes import DAY_MS, MORNING_MS, QUARTER_MS, Lcg, MemoryStorage, power_cuts, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DECLINED = Decision(True, "single", False, None)
CONSENTED = Decision(True, "single", True, "ab" * 32)
TO = 20030
MICROPYTHON = sys.implementation.name == "micropython"


def name(number: int) -> str:
    return "%032x" % number


class Rig:
    def __init__(self, storage: "MemoryStorage | None" = None, boot: int = 1, physical: bool = True, **report: "Any"):
        self.storage = storage or MemoryStorage()
        self.boot = boot
        self.outbox = Outbox(self.storage, boot, report.get("outbox_records", 512))
        self.reporter = Reporter(settings(physical, **report), self.storage, self.outbox, Lcg(boot).random_bytes)

    def enter(self, at: int, first: int, count: int = 1, decision: Decision = DECLINED) -> None:
        for number in range(first, first + count):
            self.reporter.used(at, name(number), TO + number % 2 * 15)
            self.reporter.passed(at, True, "entry", decision, 1000)

    def records(self, kind: str = "") -> "list[Any]":
        found: "list[Any]" = []
        for text in self.outbox.waiting():
            record = json.loads(text)
            if not kind or record["kind"] == kind:
                found.append(record)
        return found

    def told(self) -> "list[int]":
        return [int(one, 16) for record in self.records("spent") for one in record["nullifiers"]]


class Telling(unittest.TestCase):
    def test_they_wait_for_the_tally_and_are_shuffled(self) -> None:
        rig = Rig()
        rig.enter(MORNING_MS, 0, 9)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        self.assertEqual(rig.records(), [])
        rig.enter(MORNING_MS + QUARTER_MS, 9, 31)
        rig.reporter.tick(MORNING_MS + 2 * QUARTER_MS)
        kinds = [record["kind"] for record in rig.records()]
        self.assertEqual(kinds, ["tally", "spent", "spent"])
        self.assertEqual(sorted(rig.told()), list(range(40)))
        for record in rig.records("spent"):
            self.assertEqual({int(one, 16) % 2 * 15 + TO for one in record["nullifiers"]}, {record["to"]})
            self.assertNotEqual(record["nullifiers"], sorted(record["nullifiers"]))
        self.assertEqual([each for each in rig.storage.names() if each[0] == "s"], [])

    def test_consenting_riders_are_told_with_the_tally_too(self) -> None:
        rig = Rig()
        rig.enter(MORNING_MS, 0, 20, CONSENTED)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        self.assertEqual({record["kind"] for record in rig.records()}, {"passage"})
        rig.enter(MORNING_MS + QUARTER_MS, 20, 9)
        rig.reporter.tick(MORNING_MS + 2 * QUARTER_MS)
        self.assertEqual(rig.told(), [], "the tally has nine and grows")
        rig.enter(MORNING_MS + 2 * QUARTER_MS, 29, 1)
        rig.reporter.tick(MORNING_MS + 3 * QUARTER_MS)
        self.assertEqual(sorted(rig.told()), list(range(30)))

    def test_the_end_of_the_day_tells_them_without_a_tally(self) -> None:
        rig = Rig()
        rig.enter(MORNING_MS, 0, 3, CONSENTED)
        end = MORNING_MS // DAY_MS * DAY_MS + DAY_MS
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        rig.reporter.tick(end - 1)
        self.assertEqual(rig.told(), [])
        self.assertEqual(rig.reporter.next_close_in(end - 1), 1)
        rig.reporter.tick(end)
        self.assertEqual(sorted(rig.told()), [0, 1, 2])
        self.assertIsNone(rig.reporter.next_close_in(end))

    def test_an_emulated_site_tells_no_passage_with_its_nullifier(self) -> None:
        rig = Rig(physical=False, tally_min=1, interval_ms=10000)
        rig.enter(MORNING_MS, 0, 3, CONSENTED)
        self.assertEqual([record["kind"] for record in rig.records()], ["passage"] * 3)
        rig.reporter.tick(MORNING_MS + 9999)
        self.assertEqual(rig.told(), [])
        rig.reporter.tick(MORNING_MS + 10000)
        self.assertEqual(sorted(rig.told()), [0, 1, 2])

    def test_a_busy_interval_is_told_in_steps(self) -> None:
        rig = Rig()
        rig.enter(MORNING_MS, 0, 300)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        told = rig.told()
        self.assertEqual(sorted(told), list(range(300)))
        self.assertTrue(all(len(record["nullifiers"]) <= 64 for record in rig.records("spent")))
        self.assertGreater(len({number // 50 for number in told[:50]}), 3, "the first told are not the first used")

    def test_every_place_is_equally_likely(self) -> None:
        tallied = [0] * 6
        for seed in range(600):
            storage = MemoryStorage()
            outbox = Outbox(storage, 1)
            kept = Nullifiers(storage, outbox, Lcg(seed).random_bytes)
            for number in range(6):
                kept.add(name(number), TO, 20000)
            kept.tell()
            record = json.loads(next(iter(outbox.waiting())))
            tallied[record["nullifiers"].index(name(0))] += 1
        self.assertTrue(all(60 < times < 140 for times in tallied), str(tallied))


class Bounds(unittest.TestCase):
    def test_they_wait_while_the_outbox_is_full_and_it_never_folds_them(self) -> None:
        rig = Rig(physical=False, tally_min=1, interval_ms=10000, outbox_records=64)
        number = 0
        at = MORNING_MS
        for _ in range(200):
            rig.enter(at, number, 2)
            number += 2
            at += 10000
            rig.reporter.tick(at)
        self.assertGreater(rig.outbox.folded, 0)
        self.assertEqual(rig.outbox.dropped, 0)
        told = rig.told()
        waiting = rig.reporter.nullifiers.count
        self.assertGreater(waiting, 0)
        self.assertEqual(len(told) + waiting, number)
        self.assertEqual(len(set(told)), len(told))
        self.assertEqual(sum(record["entries"] for record in rig.records("tally")), number)
        # The gateway has them all; the rest follows with the next tally.
        rig.outbox.sent_end = rig.outbox.next_seq
        rig.outbox.confirm(1, rig.outbox.next_seq)
        rig.enter(at, number, 1)
        rig.reporter.tick(at + 10000)
        self.assertEqual(sorted(told + rig.told()), list(range(number + 1)))

    def test_beyond_the_bound_they_are_counted_and_dropped(self) -> None:
        storage = MemoryStorage()
        kept = Nullifiers(storage, Outbox(storage, 1), Lcg(1).random_bytes)
        before = nullifiers.NULLIFIERS_MAX
        nullifiers.NULLIFIERS_MAX = 10
        try:
            for number in range(12):
                kept.add(name(number), TO, 20000)
        finally:
            nullifiers.NULLIFIERS_MAX = before
        self.assertEqual((kept.count, kept.dropped), (10, 2))

    def test_what_a_kiosk_counts_is_never_folded_either(self) -> None:
        storage = MemoryStorage()
        outbox = Outbox(storage, 1, 10)
        sales = b'{"kind":"sales","from":0,"to":900000,"single":1,"day":0,"refunds":0,"exchanges":0}'
        for turn in range(20):
            outbox.append(b'{"kind":"device","at":900000,"what":"fault","folds":1}')
            if turn % 4 == 0:
                outbox.append(sales)
        self.assertGreater(outbox.folded, 0)
        kept = [json.loads(text) for text in outbox.waiting()]
        self.assertEqual(len([record for record in kept if record["kind"] == "sales"]), 5)
        notices = sum(record["notices"] if record["kind"] == "tally" else 1 for record in kept) - 5
        self.assertEqual(notices, 20)
        found = outbox.batch(1, 0, 64, 8192)
        assert found is not None
        self.assertEqual((found[0], found[2]), (0, 25))


class PowerCuts(unittest.TestCase):
    def test_none_is_lost_and_none_told_twice(self) -> None:
        storage = MemoryStorage(noted=True)
        outbox = Outbox(storage, 1)
        kept = Nullifiers(storage, outbox, Lcg(1).random_bytes)
        returned = []
        for number in range(80):
            kept.add(name(number), TO + number % 2 * 15, 20000)
            returned.append(len(storage.changes))
        kept.tell()
        cuts = 0
        for done, after in power_cuts({}, storage.changes):
            cuts += 1
            if MICROPYTHON:
                gc.collect()  # a small heap; on CPython the whole test run's objects would be looked through
            if cuts % 7 and done < returned[-1]:
                continue  # most cuts of the filling are alike
            complete = sum(1 for changes in returned if changes <= done)
            again = Outbox(after, 2)
            second = Nullifiers(after, again, Lcg(2).random_bytes)
            known = {one.hex() for one in second.known()}
            second.add(name(999), TO, 20001)
            second.tell()
            told = []
            for text in again.waiting():
                told += json.loads(text)["nullifiers"]
            self.assertEqual(len(set(told)), len(told))
            self.assertIn(len(told) - complete - 1, (0, 1), "cut %d after change %d" % (cuts, done))
            self.assertEqual(known, set(told) - {name(999)})
            self.assertTrue({name(number) for number in range(complete)} <= set(told))
            self.assertEqual([each for each in after.names("s")], [])
        self.assertGreater(cuts, 500)


class Chance(unittest.TestCase):
    def test_below_is_fair_and_in_range(self) -> None:
        chance = Lcg(9)
        counts = [0] * 3
        for _ in range(3000):
            counts[below(chance.random_bytes, 3)] += 1
        self.assertTrue(all(900 < count < 1100 for count in counts), str(counts))


if __name__ == "__main__":
    unittest.main()
