"""The reporter: what may be told, when, and in which order."""

import json
import unittest

from firmware.fare.decision import Decision
from firmware.report.journal import Journal
from firmware.report.outbox import Outbox
from firmware.report.reporter import Reporter
from tests.firmware.fakes import DAY_MS, MORNING_MS, QUARTER_MS, Lcg, MemoryStorage, power_cuts, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DECLINED = Decision(True, "day", False, None)


def consented(n: int) -> Decision:
    return Decision(True, "single", True, "%064x" % n)


DAY_START_MS = MORNING_MS // DAY_MS * DAY_MS


class OneJournal:
    """Randomness that puts every held passage in the same journal, so that only the shuffle can change the order."""

    def __init__(self, seed: int) -> None:
        self._random = Lcg(seed)

    def random_bytes(self, n: int) -> bytes:
        return b"\0" if n == 1 else self._random.random_bytes(n)


class Rig:
    def __init__(
        self, physical: bool, storage: "MemoryStorage | None" = None, seed: int = 1, boot: int = 1, **report: "Any"
    ) -> None:
        self.storage = storage or MemoryStorage()
        self.outbox = Outbox(self.storage, boot)
        self.boot = boot
        self.reporter = Reporter(settings(physical, **report), self.storage, self.outbox, Lcg(seed).random_bytes)

    def decline(self, at: int, times: int = 1) -> None:
        for _ in range(times):
            self.reporter.passed(at, True, "entry", DECLINED, 1000)

    def records(self) -> "list[Any]":
        found = self.outbox.batch(self.boot, 0, 1000, 1000000)
        return [json.loads(text) for text in found[1]] if found else []


class Physical(unittest.TestCase):
    def test_consented_passages_are_held_to_the_boundary(self) -> None:
        rig = Rig(True)
        for n in range(20):
            rig.reporter.passed(MORNING_MS + 1000 * n, True, "entry", consented(n), 1130)
        rig.reporter.tick(MORNING_MS + QUARTER_MS - 1)
        self.assertEqual(rig.records(), [])
        self.assertEqual(rig.reporter.next_close_in(MORNING_MS + QUARTER_MS - 1), 1)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        records = rig.records()
        order = [int(record["handle"], 16) for record in records]
        self.assertEqual(sorted(order), list(range(20)))
        self.assertNotEqual(order, list(range(20)))
        for record in records:
            self.assertEqual((record["at"], record["transit_ms"]), (MORNING_MS, 1250))
        self.assertIsNone(rig.reporter.next_close_in(MORNING_MS + QUARTER_MS))

    def test_the_order_comes_from_the_boards_randomness(self) -> None:
        orders = set()
        for seed in range(30):
            rig = Rig(True, seed=seed)
            for n in range(3):
                rig.reporter.passed(MORNING_MS, True, "entry", consented(n), 0)
            rig.reporter.tick(MORNING_MS + QUARTER_MS)
            orders.add(tuple(int(record["handle"], 16) for record in rig.records()))
        self.assertEqual(len(orders), 6)

    def test_within_one_journal_they_are_shuffled_by_the_boards_randomness(self) -> None:
        orders = []
        for seed in (1, 2, 1):
            rig = Rig(True)
            rig.reporter = Reporter(settings(True), rig.storage, rig.outbox, OneJournal(seed).random_bytes)
            for n in range(12):
                rig.reporter.passed(MORNING_MS + n, True, "entry", consented(n), 0)
            self.assertEqual(rig.storage.names(), ["A0"])
            rig.reporter.tick(MORNING_MS + QUARTER_MS)
            orders.append([int(record["handle"], 16) for record in rig.records()])
            self.assertEqual(sorted(orders[-1]), list(range(12)))
            self.assertNotEqual(orders[-1], list(range(12)))
        self.assertNotEqual(orders[0], orders[1])
        self.assertEqual(orders[0], orders[2])

    def test_held_passages_survive_a_reboot(self) -> None:
        rig = Rig(True)
        rig.reporter.passed(MORNING_MS, True, "entry", consented(1), 0)
        rig.decline(MORNING_MS, 10)
        again = Rig(True, rig.storage, boot=2)
        again.reporter.passed(MORNING_MS + 5, True, "entry", consented(2), 0)
        again.reporter.tick(MORNING_MS + QUARTER_MS)
        records = again.records()
        self.assertEqual(sorted(int(r["handle"], 16) for r in records if r["kind"] == "passage"), [1, 2])
        self.assertEqual([r["paid"] for r in records if r["kind"] == "tally"], [10])

    def test_no_irregular_record_and_no_exact_time_leaves(self) -> None:
        rig = Rig(True)
        at = MORNING_MS + 123456
        rig.reporter.notice(at, "fault")
        rig.reporter.irregular(at, "entry", "forced", 95, [(0, 0, 1)])
        rig.reporter.refused(at)
        rig.reporter.passed(at, True, "entry", consented(1), 1234)
        rig.decline(at, 3)
        rig.reporter.tick(MORNING_MS + DAY_MS)
        kinds = sorted(record["kind"] for record in rig.records())
        self.assertEqual(kinds, ["daily", "device", "passage", "tally"])
        for record in rig.records():
            for name in ("at", "from", "to"):
                self.assertEqual(record.get(name, 0) % QUARTER_MS, 0)
        for name in rig.storage.names():
            self.assertNotIn(b"123456", rig.storage.files[name])

    def test_a_physical_site_may_not_shorten_its_intervals(self) -> None:
        from firmware.config import SettingsError

        for report in ({"interval_ms": QUARTER_MS - 1}, {"tally_min": 9}, {"send_at_once": True}):
            with self.assertRaises(SettingsError):
                settings(True, **report)


class Tallies(unittest.TestCase):
    def test_a_tally_waits_until_it_holds_enough(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 9)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        self.assertEqual(rig.records(), [])
        rig.decline(MORNING_MS + QUARTER_MS)
        rig.reporter.tick(MORNING_MS + 2 * QUARTER_MS - 1)
        self.assertEqual(rig.records(), [])
        rig.reporter.tick(MORNING_MS + 2 * QUARTER_MS)
        (tally,) = rig.records()
        self.assertEqual(
            (tally["from"], tally["to"], tally["declined"]), (DAY_START_MS, MORNING_MS + 2 * QUARTER_MS, 10)
        )

    def test_one_lone_rider_is_placed_in_the_day_and_not_in_a_quarter_of_an_hour(self) -> None:
        rig = Rig(True)
        rig.decline(DAY_START_MS + (9 * 60 + 7) * 60000)
        rig.reporter.tick(DAY_START_MS + DAY_MS)
        (tally,) = rig.records()
        self.assertEqual((tally["from"], tally["to"], tally["declined"]), (DAY_START_MS, DAY_START_MS + DAY_MS, 1))
        for data in rig.storage.files.values():
            self.assertNotIn(str(MORNING_MS + 4 * QUARTER_MS).encode(), data)

    def test_one_starts_where_the_one_before_ended_also_after_a_reboot(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 10)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        rig.decline(MORNING_MS + 5 * QUARTER_MS, 10)
        rig.reporter.tick(MORNING_MS + 6 * QUARTER_MS)
        again = Rig(True, rig.storage, boot=2)
        again.decline(MORNING_MS + 20 * QUARTER_MS, 3)
        again.reporter.tick(DAY_START_MS + DAY_MS)
        again.decline(DAY_START_MS + DAY_MS + 7 * QUARTER_MS)
        again.reporter.tick(DAY_START_MS + 2 * DAY_MS)
        self.assertEqual(
            [(record["from"], record["to"]) for record in rig.records() + again.records()],
            [
                (DAY_START_MS, MORNING_MS + QUARTER_MS),
                (MORNING_MS + QUARTER_MS, MORNING_MS + 6 * QUARTER_MS),
                (MORNING_MS + 6 * QUARTER_MS, DAY_START_MS + DAY_MS),
                (DAY_START_MS + DAY_MS, DAY_START_MS + 2 * DAY_MS),
            ],
        )

    def test_a_power_cut_while_one_closes_only_makes_the_next_start_earlier(self) -> None:
        rig = Rig(True, MemoryStorage(noted=True))
        rig.decline(MORNING_MS, 10)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        starts = []
        for _, after in power_cuts({}, rig.storage.changes):
            again = Rig(True, after, boot=2)
            again.decline(MORNING_MS + 8 * QUARTER_MS)
            again.reporter.tick(MORNING_MS + DAY_MS)
            starts.append(again.records()[-1]["from"])
        # As long as the end is not in storage, the day's start; the removal of the journal is the last change.
        self.assertEqual(set(starts[:-2]), {DAY_START_MS})
        self.assertEqual(starts[-2:], [MORNING_MS + QUARTER_MS] * 2)

    def test_a_quiet_day_before_is_not_part_of_it(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 10)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        rig.decline(MORNING_MS + 3 * DAY_MS)
        rig.reporter.tick(MORNING_MS + 4 * DAY_MS)
        self.assertEqual(rig.records()[-1]["from"], DAY_START_MS + 3 * DAY_MS)

    def test_a_clock_that_went_back_does_not_start_one_in_the_future(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 10)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        rig.decline(MORNING_MS - QUARTER_MS)
        rig.reporter.tick(MORNING_MS + DAY_MS)
        self.assertEqual(rig.records()[-1]["from"], DAY_START_MS)

    def test_one_on_the_boundary_belongs_behind_it(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 10)
        rig.decline(MORNING_MS + QUARTER_MS)  # nobody ticked since
        (tally,) = rig.records()
        self.assertEqual((tally["to"], tally["entries"]), (MORNING_MS + QUARTER_MS, 10))

    def test_one_millisecond_before_the_boundary_belongs_before_it(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS + QUARTER_MS - 1, 10)
        rig.reporter.tick(MORNING_MS + QUARTER_MS)
        (tally,) = rig.records()
        self.assertEqual((tally["from"], tally["to"]), (DAY_START_MS, MORNING_MS + QUARTER_MS))

    def test_the_day_ends_it_with_however_few(self) -> None:
        offset_ms = 22 * QUARTER_MS  # a site where midnight is at 05:30 UTC
        midnight = MORNING_MS // DAY_MS * DAY_MS + offset_ms
        rig = Rig(True, day_start_ms=offset_ms)
        rig.decline(midnight - QUARTER_MS)
        rig.reporter.refused(midnight - 1)
        rig.reporter.tick(midnight - 1)
        self.assertEqual(rig.records(), [])
        self.assertEqual(rig.reporter.next_close_in(midnight - 1), 1)
        rig.decline(midnight)  # of the new day
        tally, daily = rig.records()
        self.assertEqual((tally["from"], tally["to"], tally["entries"]), (midnight - DAY_MS, midnight, 1))
        self.assertEqual((daily["day"], daily["refused"]), ((midnight - 1 - offset_ms) // DAY_MS, 1))

    def test_a_tally_closed_days_late_still_ends_with_its_day(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS)
        rig.reporter.tick(MORNING_MS + 5 * DAY_MS)
        (tally,) = rig.records()
        self.assertEqual((tally["from"], tally["to"]), (DAY_START_MS, DAY_START_MS + DAY_MS))

    def test_the_last_one_needed_does_not_close_it(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 9)
        rig.decline(MORNING_MS + QUARTER_MS + 1000)
        for ms in (1000, 1001, QUARTER_MS - 1):
            rig.reporter.tick(MORNING_MS + QUARTER_MS + ms)
            self.assertEqual(rig.records(), [])

    def test_a_device_that_was_off_closes_on_the_next_boundary(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 12)
        again = Rig(True, rig.storage, boot=2)
        again.reporter.tick(MORNING_MS + QUARTER_MS + 1)
        self.assertEqual(again.records(), [])
        again.reporter.tick(MORNING_MS + 2 * QUARTER_MS)
        self.assertEqual([record["declined"] for record in again.records()], [12])
        self.assertEqual([name for name in again.storage.names() if name[0] != "q"], ["last"])

    def test_a_device_that_was_off_over_the_end_of_the_day_closes_at_boot(self) -> None:
        rig = Rig(True)
        rig.decline(MORNING_MS, 2)
        again = Rig(True, rig.storage, boot=2)
        again.reporter.tick(MORNING_MS + DAY_MS)
        self.assertEqual([record["declined"] for record in again.records()], [2])


class Emulated(unittest.TestCase):
    def test_consented_passages_and_irregular_ones_go_at_once(self) -> None:
        rig = Rig(False)
        rig.reporter.passed(MORNING_MS + 7, True, "exit", consented(1), 1130)
        rig.reporter.irregular(MORNING_MS + 8, "entry", "tailgate", 80, [(0, 0, 1), (40, 1, 1)])
        passage, irregular = rig.records()
        self.assertEqual((passage["at"], passage["way"]), (MORNING_MS + 7, "exit"))
        self.assertEqual((irregular["what"], irregular["trace"]), ("tailgate", [[0, 0, 1], [40, 1, 1]]))

    def test_it_may_hold_them_as_a_physical_one_does(self) -> None:
        rig = Rig(False, send_at_once=False, interval_ms=10000)
        rig.reporter.passed(MORNING_MS + 7, True, "exit", consented(1), 1130)
        self.assertEqual(rig.records(), [])
        rig.reporter.tick(MORNING_MS + 10000)
        self.assertEqual([record["at"] for record in rig.records()], [MORNING_MS])


class Journals(unittest.TestCase):
    def test_lines_survive(self) -> None:
        storage = MemoryStorage()
        journal = Journal(storage, "t")
        journal.append(b"one")
        journal.append(b"two")
        again = Journal(storage, "t")
        self.assertEqual((list(again.lines()), again.count, again.name()), ([b"one", b"two"], 2, "t0"))

    def test_a_torn_line_is_cut_off_before_the_next(self) -> None:
        storage = MemoryStorage({"t0": b"one\ntw"})
        journal = Journal(storage, "t")
        journal.append(b"three")
        self.assertEqual(list(journal.lines()), [b"one", b"three"])

    def test_one_that_the_outbox_has_closed_is_gone_and_its_number_is_not_used_again(self) -> None:
        storage = MemoryStorage({"t7": b"one\n", "h3": b"kept\n"})
        journal = Journal(storage, "t", {"t7", "d9"})
        self.assertEqual((storage.names(), journal.name(), journal.count), (["h3"], "t8", 0))

    def test_closing_begins_the_next(self) -> None:
        storage = MemoryStorage()
        journal = Journal(storage, "t")
        journal.append(b"one")
        journal.closed()
        self.assertEqual((storage.names(), journal.name(), list(journal.lines())), ([], "t1", []))


if __name__ == "__main__":
    unittest.main()
