"""The power is cut inside every change of the storage, at every byte of an append; then the device boots and goes on.

Each passage whose call had returned is told exactly once, the interrupted one once or not at all, and no sequence
number is skipped or told twice.
"""

import json
import unittest

from firmware.fare.decision import Decision
from firmware.report.outbox import Outbox
from firmware.report.reporter import Reporter
from tests.firmware.fakes import DAY_MS, MORNING_MS, QUARTER_MS, Lcg, MemoryStorage, power_cuts, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

CONSENTED = Decision(True, "single", True, "ab" * 32)
DECLINED = Decision(True, "day", False, None)


class Device:
    """Outbox and reporter over one storage, as one boot of a gate has them."""

    def __init__(self, storage: MemoryStorage, boot: int, physical: bool, capacity: int = 512) -> None:
        self.outbox = Outbox(storage, boot, capacity)
        self.reporter = Reporter(settings(physical), storage, self.outbox, Lcg(boot).random_bytes)


def counted(storage: MemoryStorage, boot: int) -> "dict[str, int]":
    """What a gateway would count from the outbox: also checks that identities are without gaps."""
    totals = {
        "passages": 0,
        "entries": 0,
        "exits": 0,
        "paid": 0,
        "declined": 0,
        "free": 0,
        "refused": 0,
        "forced": 0,
        "lost": 0,
        "spent": 0,
    }
    outbox = Outbox(storage, boot)
    for kept in outbox.boots():
        seq = outbox.watermark(kept)
        while True:
            found = outbox.batch(kept, seq, 64, 8192)
            if found is None:
                break
            first, records, seq_after = found
            if first != seq:
                raise AssertionError("a gap before %d, expected %d" % (first, seq))
            seq = seq_after
            for text in records:
                record = json.loads(text)
                if record["kind"] == "passage":
                    totals["passages"] += 1
                elif record["kind"] == "device":
                    if record["what"] == "storage_lost":
                        totals["lost"] += record["folds"]
                elif record["kind"] == "spent":
                    totals["spent"] += len(record["nullifiers"])
                else:
                    for name in totals:
                        totals[name] += record.get(name, 0)
    return totals


class PowerCuts(unittest.TestCase):
    def cut_everywhere(
        self, physical: bool, steps: "list[tuple[str, Callable[[Reporter], Any]]]", capacity: int = 512
    ) -> int:
        """Run ``steps`` (what is counted, call), cut at every change, reboot, run one more step of each kind, count."""
        storage = MemoryStorage(noted=True)
        device = Device(storage, 1, physical, capacity)
        returned = []  # after how many changes each step's call had returned
        for _, call in steps:
            call(device.reporter)
            returned.append(len(storage.changes))
        cuts = 0
        for done, after in power_cuts({}, storage.changes):
            cuts += 1
            complete = sum(1 for changes in returned if changes <= done)
            second = Device(after, 2, physical, capacity)
            at = MORNING_MS + 3 * QUARTER_MS
            second.reporter.passed(at, True, "entry", CONSENTED, 1200)
            second.reporter.passed(at, True, "entry", DECLINED, 1200)
            second.reporter.refused(at)
            second.reporter.used(at, "ff" * 16, 20029)
            second.reporter.tick(MORNING_MS + DAY_MS)
            totals = counted(after, 3)
            expected = {"passages": 1, "declined": 1, "refused": 1, "spent": 1}
            for what, _ in steps[:complete]:
                expected[what] = expected.get(what, 0) + 1
            interrupted = steps[complete][0] if complete < len(steps) else ""
            for what in ("passages", "declined", "refused", "forced", "free", "spent"):
                surplus = totals[what] - expected.get(what, 0)
                self.assertIn(
                    surplus, (0, 1) if what == interrupted else (0,), "%s, cut %d after change %d" % (what, cuts, done)
                )
            self.assertEqual(totals["paid"], totals["declined"])
            self.assertEqual(totals["entries"] + totals["exits"], totals["paid"] + totals["free"])
            self.assertEqual(totals["lost"], 0)
        return cuts

    def steps(self, physical: bool) -> "list[tuple[str, Callable[[Reporter], Any]]]":
        base = MORNING_MS
        made: "list[tuple[str, Callable[[Reporter], Any]]]" = []
        for _ in range(3):
            made.append(("passages", lambda r: r.passed(base + 1, True, "entry", CONSENTED, 900)))
            made.append(("declined", lambda r: r.passed(base + 2, True, "exit", DECLINED, 900)))
            made.append(("spent", lambda r: r.used(base + 3, "0123456789abcdef" * 2, 20029)))
        made.append(("refused", lambda r: r.refused(base)))
        made.append(("forced", lambda r: r.irregular(base, "entry", "forced", 95, [(0, 0, 1)])))
        made.append(("free", lambda r: r.passed_free(base, "entry")))
        made += [("declined", lambda r: r.passed(base, True, "exit", DECLINED, 900))] * 9
        made.append(("", lambda r: r.tick(base + QUARTER_MS)))
        made.append(("passages", lambda r: r.passed(base + QUARTER_MS + 1, True, "entry", CONSENTED, 900)))
        made.append(("declined", lambda r: r.passed(base + QUARTER_MS + 1, True, "exit", DECLINED, 900)))
        made.append(("", lambda r: r.tick(base + 2 * QUARTER_MS)))
        return made

    def test_a_physical_device(self) -> None:
        self.assertGreater(self.cut_everywhere(True, self.steps(True)), 500)

    def test_an_emulated_device(self) -> None:
        self.assertGreater(self.cut_everywhere(False, self.steps(False)), 500)

    def test_while_the_outbox_folds(self) -> None:
        storage = MemoryStorage(noted=True)
        outbox = Outbox(storage, 1, 20)
        returned = []
        record = b'{"kind":"passage","at":900000,"way":"entry"}'
        for _ in range(60):
            outbox.append(record)
            returned.append(len(storage.changes))
        self.assertGreater(outbox.folded, 0)
        for done, after in power_cuts({}, storage.changes):
            complete = sum(1 for changes in returned if changes <= done)
            totals = counted(after, 2)
            self.assertIn(totals["passages"] + totals["entries"] - complete, (0, 1))
            self.assertEqual(totals["lost"], 0)

    def test_while_the_gateway_confirms(self) -> None:
        storage = MemoryStorage(noted=True)
        outbox = Outbox(storage, 1)
        for n in range(70):
            outbox.append(b'{"kind":"passage","at":%d}' % n)
        before = dict(storage.files)
        storage.changes = []
        outbox.confirm(1, 40)
        outbox.confirm(1, 66)
        states = list(power_cuts(before, storage.changes))
        self.assertEqual(len(states), len(storage.changes) + 1)
        for _, after in states:
            again = Outbox(after, 2)
            # What is not confirmed is there; what was may be sent again, but only whole and in order.
            self.assertLessEqual(again.watermark(1), 64)
            self.assertEqual(again.end(1), 70)
            found = again.batch(1, 66, 64, 8192)
            assert found is not None
            self.assertEqual((found[0], len(found[1]), found[2]), (66, 4, 70))
            self.assertEqual(counted(after, 2)["lost"], 0)


if __name__ == "__main__":
    unittest.main()
