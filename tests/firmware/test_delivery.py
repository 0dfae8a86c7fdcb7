"""End-to-end delivery to a gateway that keeps its word, over a link that loses, doubles and delays."""

import json
import unittest

from chumicro_timing import ticks_add

from firmware.report.delivery import BATCH_RECORDS, RESEND_MAX_MS, WINDOW, Delivery
from firmware.report.outbox import Outbox
from tests.firmware.fakes import Lcg, MemoryStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESEND_MS = 5000


def record(n: int) -> bytes:
    return b'{"kind":"passage","n":%d}' % n


class Gateway:
    """docs/protocol.md's receiver: a watermark for each boot, kept for ever; nothing is stored past gaps."""

    def __init__(self) -> None:
        self.watermarks: "dict[int, int]" = {}
        self.rows: "list[tuple[int, int, int]]" = []
        self.duplicates = 0
        self.gaps = 0

    def take(self, boot: int, seq: int, batch: "list[bytes]") -> "tuple[int, int]":
        """Store what is new; the answer is (boot, watermark)."""
        watermark = self.watermarks.get(boot, 0)
        if seq > watermark:
            self.gaps += 1
            return boot, watermark
        for text in batch:
            if seq < watermark:
                self.duplicates += 1
            else:
                self.rows.append((boot, seq, json.loads(text)["n"]))
            seq += 1
        self.watermarks[boot] = max(watermark, seq)
        return boot, self.watermarks[boot]


def full(boot: int, count: int, storage: "MemoryStorage | None" = None) -> "tuple[Outbox, Delivery]":
    outbox = Outbox(storage or MemoryStorage(), boot, 100000)
    for n in range(count):
        outbox.append(record(n))
    delivery = Delivery(outbox, boot, RESEND_MS)
    delivery.connected(0)
    return outbox, delivery


class Sending(unittest.TestCase):
    def test_nothing_goes_out_without_a_connection_or_before_the_puback(self) -> None:
        _outbox, delivery = full(1, 100)
        delivery.disconnected()
        self.assertIsNone(delivery.next_batch(0))
        delivery.connected(0)
        first = delivery.next_batch(0)
        assert first is not None
        self.assertEqual((first[0], first[1], len(first[2])), (1, 0, BATCH_RECORDS))
        self.assertIsNone(delivery.next_batch(0))
        delivery.acknowledged()
        second = delivery.next_batch(0)
        assert second is not None
        self.assertEqual(second[1], BATCH_RECORDS)

    def test_a_puback_frees_nothing(self) -> None:
        outbox, delivery = full(1, 10)
        delivery.next_batch(0)
        delivery.acknowledged()
        self.assertEqual(len(outbox), 10)

    def test_the_window_is_kept_whatever_the_batches_sizes(self) -> None:
        for size in (20, 150, 220):
            outbox = Outbox(MemoryStorage(), 1, 100000)
            for _ in range(WINDOW + 30):
                outbox.append(b"x" * size)
            delivery = Delivery(outbox, 1, RESEND_MS)
            delivery.connected(0)
            while delivery.next_batch(0) is not None:
                delivery.acknowledged()
            self.assertEqual(outbox.sent_end, WINDOW)
            self.assertTrue(delivery.stored(1, 1, 10))
            found = delivery.next_batch(10)
            assert found is not None
            self.assertEqual((found[1], len(found[2])), (WINDOW, 1))

    def test_the_oldest_boot_comes_first(self) -> None:
        storage = MemoryStorage()
        full(1, BATCH_RECORDS + 8, storage)
        full(2, 3, storage)
        _outbox, delivery = full(3, 5, storage)
        sent = []
        while True:
            found = delivery.next_batch(0)
            if found is None:
                break
            sent.append((found[0], found[1], len(found[2])))
            delivery.acknowledged()
        self.assertEqual(sent, [(1, 0, BATCH_RECORDS), (1, BATCH_RECORDS, 8), (2, 0, 3), (3, 0, 5)])


class Silence(unittest.TestCase):
    def test_patience_doubles_and_ends_on_its_millisecond(self) -> None:
        _outbox, delivery = full(1, 3)
        now = 0
        found = delivery.next_batch(now)
        for patience_ms in (5000, 10000, 20000, RESEND_MAX_MS, RESEND_MAX_MS):
            assert found is not None
            self.assertEqual(found[1], 0)
            delivery.acknowledged()
            self.assertIsNone(delivery.next_batch(now))
            due = ticks_add(now, patience_ms)
            self.assertEqual(delivery.next_deadline(), due)
            self.assertIsNone(delivery.next_batch(ticks_add(due, -1)))
            now = due
            found = delivery.next_batch(now)
        self.assertEqual(delivery.resends, 5)

    def test_progress_brings_patience_back(self) -> None:
        _outbox, delivery = full(1, 3)
        delivery.next_batch(0)
        delivery.acknowledged()
        delivery.next_batch(5000)
        delivery.acknowledged()
        delivery.stored(1, 1, 6000)
        self.assertEqual(delivery.next_deadline(), 11000)

    def test_while_a_puback_is_awaited_there_is_nothing_to_wake_for(self) -> None:
        _outbox, delivery = full(1, 3)
        delivery.next_batch(0)
        self.assertIsNone(delivery.next_deadline())
        self.assertIsNone(delivery.next_batch(60000))

    def test_all_confirmed_is_no_silence(self) -> None:
        outbox, delivery = full(1, 3)
        delivery.next_batch(0)
        delivery.acknowledged()
        self.assertTrue(delivery.stored(1, 3, 100))
        self.assertIsNone(delivery.next_deadline())
        self.assertIsNone(delivery.next_batch(100000))
        outbox.append(record(3))
        found = delivery.next_batch(100000)
        assert found is not None
        self.assertEqual(found[1], 3)
        delivery.acknowledged()
        self.assertEqual(delivery.next_deadline(), 105000)

    def test_a_new_connection_starts_from_the_watermark(self) -> None:
        _outbox, delivery = full(1, 100)
        delivery.next_batch(0)
        delivery.acknowledged()
        delivery.stored(1, 7, 10)
        delivery.next_batch(20)
        delivery.disconnected()
        self.assertIsNone(delivery.next_deadline())
        delivery.connected(30)
        found = delivery.next_batch(30)
        assert found is not None
        self.assertEqual(found[1], 7)


class Stored(unittest.TestCase):
    def test_above_what_was_sent_is_refused(self) -> None:
        outbox, delivery = full(1, 100)
        self.assertFalse(delivery.stored(1, 1, 0))
        delivery.next_batch(0)
        self.assertFalse(delivery.stored(1, BATCH_RECORDS + 1, 0))
        self.assertFalse(delivery.stored(1, -1, 0))
        self.assertEqual((delivery.refused, len(outbox)), (3, 100))
        self.assertTrue(delivery.stored(1, BATCH_RECORDS, 0))
        self.assertEqual(len(outbox), 100 - BATCH_RECORDS)

    def test_of_a_boot_that_is_not_here_is_refused(self) -> None:
        _outbox, delivery = full(2, 5)
        self.assertFalse(delivery.stored(1, 0, 0))
        self.assertFalse(delivery.stored(3, 1, 0))
        self.assertEqual(delivery.refused, 2)

    def test_a_late_repetition_is_no_offence(self) -> None:
        _outbox, delivery = full(1, 5)
        delivery.next_batch(0)
        for seq in (5, 5, 3, 0):
            self.assertTrue(delivery.stored(1, seq, 0))
        self.assertEqual(delivery.refused, 0)

    def test_of_an_earlier_boot_within_what_it_left(self) -> None:
        storage = MemoryStorage()
        full(1, 40, storage)
        _outbox, delivery = full(2, 1, storage)
        self.assertFalse(delivery.stored(1, 41, 0))
        self.assertTrue(delivery.stored(1, 40, 0))  # the gateway had all of it before the reboot
        found = delivery.next_batch(0)
        assert found is not None
        self.assertEqual((found[0], found[1]), (2, 0))

    def test_a_repeated_watermark_starts_again_but_once_a_second(self) -> None:
        _outbox, delivery = full(1, 100)
        for _ in range(2):
            delivery.next_batch(0)
            delivery.acknowledged()
        delivery.stored(1, 0, 100)
        found = delivery.next_batch(100)
        assert found is not None
        self.assertEqual(found[1], 0)
        delivery.acknowledged()
        delivery.stored(1, 0, 1099)
        again = delivery.next_batch(1099)
        assert again is not None
        self.assertEqual(again[1], BATCH_RECORDS)
        delivery.acknowledged()
        delivery.stored(1, 0, 1100)
        again = delivery.next_batch(1100)
        assert again is not None
        self.assertEqual(again[1], 0)


class HostileLink(unittest.TestCase):
    def run_one(self, seed: int) -> Gateway:
        """600 records over three boots, and a link where anything may happen to a message."""
        random = Lcg(seed)
        gateway = Gateway()
        storage = MemoryStorage()
        now = 0
        for boot, count in ((1, 80), (2, 40), (3, 200)):
            outbox = Outbox(storage, boot, 100000)
            delivery = Delivery(outbox, boot, RESEND_MS)
            air: "list[tuple[str, Any]]" = []
            made = 0
            steps = 0
            while made < count or (boot == 3 and len(outbox)):
                steps += 1
                self.assertLess(steps, 20000, "no end in sight")
                now = ticks_add(now, (10, 400, 5100)[random.below(3)])
                if made < count:
                    outbox.append(record(made))
                    made += 1
                happens = random.below(30)
                if happens == 0:
                    delivery.disconnected()  # the broker dies, and what it held with it
                    air = []
                elif happens < 4:
                    delivery.connected(now)
                found = delivery.next_batch(now)
                if found is not None:
                    self.assertLessEqual(len(found[2]), BATCH_RECORDS)
                    air += [("batch", found)] * (0, 1, 1, 1, 2)[random.below(5)]
                for _ in range(random.below(4)):
                    if not air:
                        break
                    what, message = air.pop(random.below(len(air)))  # in any order
                    if what == "batch":
                        delivery.acknowledged()
                        answer = gateway.take(*message)
                        air += [("stored", answer)] * random.below(3)
                    else:
                        delivery.stored(message[0], message[1], now)
                if random.below(4) == 0:
                    delivery.acknowledged()
        return gateway

    def test_everything_arrives_exactly_once(self) -> None:
        duplicates = gaps = 0
        for seed in range(8):
            gateway = self.run_one(seed)
            expected = [(boot, n, n) for boot, count in ((1, 80), (2, 40), (3, 200)) for n in range(count)]
            self.assertEqual(sorted(gateway.rows), expected)
            duplicates += gateway.duplicates
            gaps += gateway.gaps
        self.assertGreater(duplicates, 0)
        self.assertGreater(gaps, 0)


if __name__ == "__main__":
    unittest.main()
