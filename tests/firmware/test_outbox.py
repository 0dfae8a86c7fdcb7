"""The outbox: bounded, in order, and honest about what it can no longer tell. Power cuts are in test_power_cut.py."""

import json
import unittest

from firmware.report.outbox import SEGMENT_RECORDS, Outbox
from tests.firmware.fakes import MORNING_MS, MemoryStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def passage(n: int, way: str = "entry") -> bytes:
    return b'{"kind":"passage","at":%d,"way":"%s"}' % (MORNING_MS + n, way.encode())


def told(outbox: Outbox, boot: int, seq: int = 0) -> "list[tuple[int, Any]]":
    """(sequence number, record) of everything kept of one boot from ``seq`` on."""
    found: "list[tuple[int, Any]]" = []
    at = seq
    while True:
        batch = outbox.batch(boot, at, 64, 100000)
        if batch is None:
            return found
        number, records, at = batch
        for text in records:
            record = json.loads(text)
            found.append((number, record))
            number += record.get("folds", 1)
        if number != at:
            raise AssertionError("the batch ends at %d, its records at %d" % (at, number))


def numbers_without_gaps(records: "list[tuple[int, Any]]", end: int) -> bool:
    at = records[0][0]
    for number, record in records:
        if number != at:
            return False
        at += record.get("folds", 1)
    return at == end


class InOrder(unittest.TestCase):
    def test_what_goes_in_comes_out_after_a_reboot_too(self) -> None:
        storage = MemoryStorage()
        outbox = Outbox(storage, 1)
        count = 3 * SEGMENT_RECORDS + 5
        for n in range(count):
            outbox.append(passage(n))
        for reader in (outbox, Outbox(storage, 2)):
            records = told(reader, 1)
            self.assertEqual([record["at"] - MORNING_MS for _, record in records], list(range(count)))
            self.assertTrue(numbers_without_gaps(records, count))
            self.assertEqual((len(reader), reader.end(1), reader.watermark(1)), (count, count, 0))

    def test_batches_keep_their_limits(self) -> None:
        outbox = Outbox(MemoryStorage(), 1)
        for n in range(40):
            outbox.append(passage(n))
        size = len(passage(0))
        for limit in (1, size, 3 * size, 3 * size + 1):
            found = outbox.batch(1, 0, 64, limit)
            assert found is not None
            self.assertEqual(len(found[1]), max(1, limit // size))
        found = outbox.batch(1, 7, 5, 100000)
        assert found is not None
        self.assertEqual((found[0], len(found[1]), found[2]), (7, 5, 12))
        self.assertIsNone(outbox.batch(1, 40, 64, 100000))
        self.assertIsNone(outbox.batch(9, 0, 64, 100000))

    def test_each_boot_numbers_from_zero_and_the_oldest_comes_first(self) -> None:
        storage = MemoryStorage()
        for boot in (1, 2, 11):
            outbox = Outbox(storage, boot)
            outbox.append(passage(boot))
        self.assertEqual(outbox.boots(), [1, 2, 11])
        for boot in (1, 2, 11):
            self.assertEqual([number for number, _ in told(outbox, boot)], [0])

    def test_an_old_boots_file_takes_no_more_lines(self) -> None:
        storage = MemoryStorage()
        Outbox(storage, 1).append(passage(0))
        storage.files["q00000001-00000000"] += b'1 - {"kind":"pass'  # torn by a power cut
        Outbox(storage, 2).append(passage(1))
        self.assertEqual(len(told(Outbox(storage, 3), 1)), 1)
        self.assertEqual(len(told(Outbox(storage, 3), 2)), 1)


class Confirmation(unittest.TestCase):
    def test_what_is_confirmed_is_forgotten_and_numbers_go_on(self) -> None:
        storage = MemoryStorage()
        outbox = Outbox(storage, 1)
        for n in range(20):
            outbox.append(passage(n))
        outbox.confirm(1, 18)
        self.assertEqual((outbox.watermark(1), len(outbox)), (18, 2))
        outbox.confirm(1, 20)
        self.assertEqual((len(outbox), outbox.boots(), storage.names()), (0, [], []))
        outbox.append(passage(20))
        self.assertEqual([number for number, _ in told(outbox, 1, 20)], [20])

    def test_a_late_confirmation_takes_nothing_back(self) -> None:
        outbox = Outbox(MemoryStorage(), 1)
        for n in range(10):
            outbox.append(passage(n))
        outbox.confirm(1, 8)
        outbox.confirm(1, 3)
        self.assertEqual((outbox.watermark(1), len(outbox)), (8, 2))

    def test_one_boots_confirmation_is_not_anothers(self) -> None:
        storage = MemoryStorage()
        Outbox(storage, 1).append(passage(0))
        outbox = Outbox(storage, 2)
        outbox.append(passage(1))
        outbox.confirm(2, 1)
        self.assertEqual(outbox.boots(), [1])


class Bounds(unittest.TestCase):
    def test_folding_keeps_every_count_and_every_number(self) -> None:
        for capacity in (20, 33, 64):
            storage = MemoryStorage()
            outbox = Outbox(storage, 1, capacity)
            for n in range(400):
                if n % 10 == 9:
                    outbox.append(b'{"kind":"device","at":%d,"what":"fault","folds":1}' % MORNING_MS)
                elif n % 10 == 8:
                    outbox.append(b'{"kind":"irregular","at":%d}' % MORNING_MS)
                else:
                    outbox.append(passage(n, "exit" if n % 10 < 3 else "entry"))
                self.assertLessEqual(len(outbox), capacity)
            for reader in (outbox, Outbox(storage, 2, capacity)):
                records = told(reader, 1)
                self.assertTrue(numbers_without_gaps(records, 400))
                exits = entries = irregular = notices = 0
                for _, record in records:
                    if record["kind"] == "tally":
                        exits += record["exits"]
                        entries += record["entries"]
                        irregular += record["irregular"]
                        notices += record["notices"]
                        self.assertEqual(record["paid"], record["entries"] + record["exits"])
                    else:
                        exits += record.get("way") == "exit"
                        entries += record.get("way") == "entry"
                        irregular += record["kind"] == "irregular"
                        notices += record["kind"] == "device"
                self.assertEqual((exits, entries, irregular, notices), (120, 200, 40, 40))
            self.assertGreater(outbox.folded, 0)
            self.assertEqual(outbox.dropped, 0)

    def test_what_may_have_been_sent_is_never_folded(self) -> None:
        outbox = Outbox(MemoryStorage(), 1, 40)
        for n in range(20):
            outbox.append(passage(n))
        outbox.sent_end = 20
        before = told(outbox, 1)
        for n in range(20, 300):
            outbox.append(passage(n))
        self.assertEqual(told(outbox, 1)[:20], before)
        self.assertEqual(sum(r["folds"] for _, r in told(outbox, 1) if r["kind"] == "tally") + 20 <= 300, True)
        self.assertTrue(numbers_without_gaps(told(outbox, 1), 300))

    def test_an_earlier_boots_records_are_never_folded(self) -> None:
        storage = MemoryStorage()
        outbox = Outbox(storage, 1, 40)
        for n in range(30):
            outbox.append(passage(n))
        again = Outbox(storage, 2, 40)
        for n in range(200):
            again.append(passage(n))
        self.assertEqual([record["kind"] for _, record in told(again, 1)], ["passage"] * 30)

    def test_what_cannot_be_folded_is_dropped_counted_and_declared(self) -> None:
        storage = MemoryStorage()
        outbox = Outbox(storage, 1, 20)
        outbox.sent_end = 1 << 30  # all of it may have been sent
        for n in range(50):
            outbox.append(passage(n))
        self.assertEqual((len(outbox), outbox.dropped, outbox.next_seq), (40, 10, 40))
        outbox.confirm(1, 40)
        outbox.append(passage(50))
        records = told(outbox, 1, 40)
        self.assertEqual([record.get("what", record["kind"]) for _, record in records], ["storage_lost", "passage"])
        self.assertEqual((records[0][1]["folds"], records[1][0]), (10, 50))
        self.assertTrue(numbers_without_gaps(told(Outbox(storage, 2), 1, 40), 51))

    def test_a_hole_in_the_storage_is_declared_once(self) -> None:
        storage = MemoryStorage()
        outbox = Outbox(storage, 1)
        for n in range(3 * SEGMENT_RECORDS):
            outbox.append(passage(n))
        storage.remove("q00000001-%08d" % SEGMENT_RECORDS)
        for boot in (2, 3):
            records = told(Outbox(storage, boot), 1)
            lost = [record for _, record in records if record.get("what") == "storage_lost"]
            self.assertEqual([record["folds"] for record in lost], [SEGMENT_RECORDS])
            self.assertTrue(numbers_without_gaps(records, 3 * SEGMENT_RECORDS))

    def test_a_full_storage_is_said_not_swallowed(self) -> None:
        storage = MemoryStorage()

        def full(name: str, data: bytes) -> None:
            raise OSError(28)

        storage.write = full  # type: ignore[method-assign]
        outbox = Outbox(storage, 1)
        self.assertRaises(OSError, outbox.append, passage(0))
        self.assertEqual((len(outbox), outbox.next_seq), (0, 0))


if __name__ == "__main__":
    unittest.main()


class Damage(unittest.TestCase):
    """Storage that something else wrote into."""

    def test_a_damaged_line_ends_its_segment_and_the_hole_behind_it_is_declared(self) -> None:
        for garbage in (
            b"garbage line",
            b"1 -",
            b"x - {}",
            b'1 - {"kind":"pass',
            b"0 - " + passage(1),
            b'1 - {"kind":}',
        ):
            for at in (0, 5):
                storage = MemoryStorage()
                outbox = Outbox(storage, 1)
                for n in range(SEGMENT_RECORDS + 3):
                    outbox.append(passage(n))
                name = "q00000001-00000000"
                lines = storage.files[name].split(b"\n")
                lines[at] = garbage
                storage.files[name] = b"\n".join(lines)
                again = Outbox(storage, 2)
                self.assertEqual(again.damaged, 1)
                records = told(again, 1)
                lost = [record["folds"] for _, record in records if record["kind"] == "device"]
                self.assertEqual(lost, [SEGMENT_RECORDS - at])
                self.assertEqual((records[0][0], len(records)), (0, at + 1 + 3))
                self.assertTrue(numbers_without_gaps(records, SEGMENT_RECORDS + 3))
                self.assertEqual(Outbox(storage, 3).damaged, 0)
