"""The whole gate over a board that isn't there: riders of every kind, fire, time limits, and storms of inputs."""

import json
import unittest

from chumicro_timing import ticks_add, ticks_diff

from firmware.app import Gate, next_boot
from firmware.boards import board as b
from firmware.lane import turnstile
from tests.firmware.fakes import (
    DAY_MS,
    MORNING_MS,
    FakeBoard,
    Lcg,
    MemoryStorage,
    beam,
    fire,
    medium,
    settings,
    token,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIDER = token(b"a rider")
DECLINES = token(b"another", b"d", b"n")


class Rig:
    """A gate, its board, and the records that it has kept so far (the boot notice left out)."""

    def __init__(
        self, storage: "MemoryStorage | None" = None, lane: "dict[str, Any] | None" = None, **report: "Any"
    ) -> None:
        self.board = FakeBoard(storage)
        self.gate = Gate(self.board, settings(lane=lane, **report))

    @property
    def state(self) -> str:
        return self.gate.turnstile.state

    def after(self, ms: int, *events: "Any") -> None:
        """Move the time, waking the gate at each of its deadlines on the way, then hand it events of that moment."""
        end = ticks_add(self.board.now, ms)
        while True:
            deadline = self.gate.next_deadline(self.board.now)
            if ticks_diff(deadline, end) >= 0:
                break
            self.board.advance(max(1, ticks_diff(deadline, self.board.now)))
            self.gate.handle(self.board.now, [])
        self.board.advance(ticks_diff(end, self.board.now))
        self.gate.handle(self.board.now, [(end, kind, a, value) for _, kind, a, value in events])

    def present(self, presented: bytes) -> None:
        self.after(200, medium(0, presented))

    def edges(self, *edges: "tuple[int, int]") -> None:
        for index, broken in edges:
            self.after(100, beam(0, index, broken))

    def walk(self, *path: int) -> None:
        for n, index in enumerate(path):
            self.edges((index, 1))
            if n:
                self.edges((path[n - 1], 0))
        self.edges((path[-1], 0))

    def records(self) -> "list[Any]":
        found = self.gate.outbox.batch(self.gate.boot, 1, 64, 60000)
        return [json.loads(text) for text in found[1]] if found else []

    def kinds(self) -> "list[str]":
        return [record.get("what", record["kind"]) for record in self.records()]

    def day_over(self) -> "list[Any]":
        """Everything that is counted is told at the end of the day."""
        self.board.advance(DAY_MS)
        self.gate.handle(self.board.now, [])
        return self.records()


class Riders(unittest.TestCase):
    def test_a_boot_is_told_first_and_the_lamp_is_ready(self) -> None:
        rig = Rig()
        found = rig.gate.outbox.batch(1, 0, 64, 60000)
        assert found is not None
        self.assertEqual([json.loads(text)["what"] for text in found[1]], ["boot"])
        self.assertEqual(rig.board.shown, [(0, b.ARM_LOCKED, b.LAMP_READY, b.SOUND_NONE, "locked")])

    def test_a_paid_passage(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        self.assertEqual(rig.state, turnstile.RELEASED)
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.state, turnstile.LOCKED)
        (record,) = rig.records()
        self.assertEqual(record["kind"], "passage")
        self.assertEqual((record["way"], record["product"]), ("entry", "single"))
        self.assertEqual(record["at"], MORNING_MS + rig.board.now)
        self.assertEqual(record["transit_ms"], 750)
        self.assertEqual(len(record["handle"]), 64)
        self.assertEqual(
            [state for _, _, _, _, state in rig.board.shown],
            ["locked", "released", "passing", "locked"],  # clearing ends within the same edge when nobody follows
        )

    def test_the_same_medium_has_one_handle_a_day_and_another_the_next(self) -> None:
        rig = Rig()
        handles = []
        for _ in range(2):
            rig.present(RIDER)
            rig.walk(0, 1, 2, 3)
        rig.board.advance(DAY_MS)
        rig.present(RIDER)
        rig.walk(0, 1, 2, 3)
        handles = [record["handle"] for record in rig.records()]
        self.assertEqual(handles[0], handles[1])
        self.assertNotEqual(handles[0], handles[2])

    def test_the_way_of_an_exit_lane(self) -> None:
        rig = Rig(lane={"way": "exit"})
        rig.present(RIDER)
        rig.walk(0, 1, 2, 3)
        rig.walk(3, 2, 1, 0)
        self.assertEqual([record["way"] for record in rig.records()], ["exit", "entry"])

    def test_no_consent_leaves_nothing_but_a_count(self) -> None:
        rig = Rig()
        rig.present(DECLINES)
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.records(), [])
        everything = b"".join(rig.board.storage.files.values())
        self.assertNotIn(b"handle", everything)
        self.assertNotIn(b"another", everything)
        (tally,) = rig.day_over()
        self.assertEqual((tally["entries"], tally["paid"], tally["declined"], tally["free"]), (1, 1, 1, 0))

    def test_no_byte_of_any_medium_is_ever_stored(self) -> None:
        rig = Rig(MemoryStorage(noted=True))
        nonce = b"\xa1secret nonce\xb2\xc3\xd4"
        rig.present(token(nonce))
        rig.walk(0, 1, 2, 3)
        rig.present(b"NOPE" + nonce)
        rig.day_over()
        from binascii import hexlify

        self.assertGreater(len(rig.board.storage.changes), 3)
        for _, _, data in rig.board.storage.changes:
            for secret in (nonce[:6], hexlify(nonce[:6]), b"NOPE"):
                self.assertNotIn(secret, data)

    def test_without_a_valid_clock_a_passage_is_only_counted(self) -> None:
        rig = Rig()
        rig.board.clock_valid = False
        rig.present(RIDER)
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.records(), [])
        self.assertNotIn(b"handle", b"".join(rig.board.storage.files.values()))
        (tally,) = rig.day_over()
        self.assertEqual((tally["paid"], tally["declined"]), (1, 0))

    def test_refused_media(self) -> None:
        rig = Rig()
        bad = (
            b"",
            b"GLT1",
            RIDER + b"x",
            b"GLT2" + RIDER[4:],
            b"GLT1xy" + bytes(16),
            b"GLT1s?" + bytes(16),
            bytes(5000),
        )
        for presented in bad:
            rig.present(presented)
            self.assertEqual(rig.state, turnstile.REFUSING)
        self.assertEqual(rig.board.shown[-1][1:4], (b.ARM_LOCKED, b.LAMP_STOP, b.SOUND_REFUSED))
        rig.after(1499)
        self.assertEqual(rig.state, turnstile.REFUSING)
        rig.after(1)
        self.assertEqual(rig.state, turnstile.LOCKED)
        self.assertEqual(rig.records(), [])
        (daily,) = rig.day_over()
        self.assertEqual((daily["kind"], daily["refused"]), ("daily", len(bad)))

    def test_a_good_medium_right_after_a_refused_one(self) -> None:
        rig = Rig()
        rig.present(b"bad")
        rig.present(RIDER)
        self.assertEqual(rig.state, turnstile.RELEASED)

    def test_the_reader_is_off_while_the_lane_is_busy(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.present(token(b"second"))
        rig.edges((0, 1))
        rig.present(token(b"third"))
        rig.edges((1, 1), (0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0))
        self.assertEqual(rig.kinds(), ["passage"])
        rig.edges((0, 1))
        rig.present(token(b"fourth"))
        self.assertEqual(rig.state, turnstile.INTRUSION)


class TimeLimits(unittest.TestCase):
    def test_a_release_nobody_uses(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.after(4999)
        self.assertEqual(rig.state, turnstile.RELEASED)
        rig.after(1)
        self.assertEqual(rig.state, turnstile.LOCKED)
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.kinds(), ["forced"])

    def test_a_release_that_ends_over_a_body_without_right_of_way(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.edges((3, 1))  # somebody comes the other way
        rig.after(5000)
        self.assertEqual(rig.state, turnstile.INTRUSION)
        rig.edges((2, 1), (3, 0), (1, 1), (2, 0), (0, 1), (1, 0), (0, 0))
        self.assertEqual(rig.state, turnstile.LOCKED)
        self.assertEqual(rig.kinds(), ["reverse"])

    def test_the_arm_never_closes_on_a_slow_rider(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.edges((0, 1), (1, 1))
        rig.after(60000)
        self.assertEqual(rig.state, turnstile.PASSING)
        rig.edges((0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0))
        self.assertEqual(rig.kinds(), ["passage"])

    def test_turned_back_and_through_at_the_second_try(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.edges((0, 1), (1, 1), (1, 0), (0, 0))
        self.assertEqual(rig.state, turnstile.RELEASED)
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.kinds(), ["passage"])
        self.assertEqual(rig.state, turnstile.LOCKED)

    def test_turned_back_and_gone(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.edges((0, 1), (0, 0))
        rig.after(5000)
        self.assertEqual((rig.state, rig.kinds()), (turnstile.LOCKED, []))
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.kinds(), ["forced"])


class Irregular(unittest.TestCase):
    def test_forced(self) -> None:
        rig = Rig()
        rig.walk(0, 1, 2, 3)
        (record,) = rig.records()
        self.assertEqual((record["what"], record["way"], record["confidence"]), ("forced", "entry", 95))
        self.assertEqual(record["trace"][0], [0, 0, 1])
        self.assertEqual(rig.state, turnstile.LOCKED)

    def test_reverse(self) -> None:
        rig = Rig()
        rig.walk(3, 2, 1, 0)
        (record,) = rig.records()
        self.assertEqual((record["what"], record["way"]), ("reverse", "exit"))

    def test_tailgate(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.edges((0, 1), (1, 1), (0, 0), (2, 1), (1, 0), (0, 1), (3, 1), (2, 0), (1, 1), (0, 0), (3, 0))
        self.assertEqual(rig.state, turnstile.CLEARING)
        rig.edges((2, 1), (1, 0), (3, 1), (2, 0), (3, 0))
        self.assertEqual(rig.kinds(), ["passage", "tailgate"])
        self.assertEqual(rig.state, turnstile.LOCKED)

    def test_who_turns_back_without_right_of_way_is_not_told(self) -> None:
        rig = Rig()
        rig.edges((0, 1), (1, 1), (1, 0), (0, 0))
        self.assertEqual((rig.state, rig.kinds()), (turnstile.LOCKED, []))

    def test_they_are_counted_once_a_day_as_well(self) -> None:
        rig = Rig()
        rig.walk(0, 1, 2, 3)
        rig.walk(0, 1, 2, 3)
        rig.walk(3, 2, 1, 0)
        daily = rig.day_over()[-1]
        self.assertEqual((daily["kind"], daily["forced"], daily["reverse"], daily["tailgate"]), ("daily", 2, 1, 0))


class Fire(unittest.TestCase):
    def test_everybody_passes_and_is_counted(self) -> None:
        rig = Rig()
        rig.after(10, fire(0, 1))
        self.assertEqual(rig.board.shown[-1][1:], (b.ARM_FREE, b.LAMP_GO, b.SOUND_NONE, "free"))
        rig.walk(0, 1, 2, 3)
        rig.walk(3, 2, 1, 0)
        rig.present(RIDER)
        rig.after(10, fire(0, 1))
        rig.after(10, fire(0, 0))
        rig.after(10, fire(0, 0))
        self.assertEqual(rig.state, turnstile.LOCKED)
        self.assertEqual(rig.kinds(), ["fire_on", "fire_off"])
        tally = rig.day_over()[-1]
        self.assertEqual((tally["entries"], tally["exits"], tally["free"], tally["paid"]), (1, 1, 2, 0))

    def test_a_rider_in_the_lane_when_it_begins(self) -> None:
        rig = Rig()
        rig.edges((0, 1), (1, 1))
        self.assertEqual(rig.state, turnstile.INTRUSION)
        rig.after(10, fire(0, 1))
        rig.edges((0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0))
        self.assertEqual(rig.kinds(), ["fire_on"])
        self.assertEqual(rig.day_over()[-1]["free"], 1)

    def test_one_who_paid_before_it_began(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.edges((0, 1), (1, 1))
        rig.after(10, fire(0, 1))
        rig.edges((0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0))
        self.assertEqual(rig.kinds(), ["fire_on", "passage"])

    def test_a_rider_in_the_lane_when_it_ends(self) -> None:
        rig = Rig()
        rig.after(10, fire(0, 1))
        rig.edges((0, 1), (1, 1))
        rig.after(10, fire(0, 0))
        self.assertEqual(rig.state, turnstile.CLEARING)
        rig.edges((0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0))
        self.assertEqual(rig.state, turnstile.LOCKED)
        self.assertEqual(rig.day_over()[-1]["free"], 1)

    def test_a_release_is_forgotten(self) -> None:
        rig = Rig()
        rig.present(RIDER)
        rig.after(10, fire(0, 1))
        rig.after(10, fire(0, 0))
        rig.walk(0, 1, 2, 3)
        self.assertEqual(rig.kinds(), ["fire_on", "fire_off", "forced"])


class FakeLink:
    """A link to nowhere: ``sent`` has every health message. Its own wishes never wake the gate."""

    is_connected = True

    def __init__(self, *_: "Any") -> None:
        self.sent: "list[Any]" = []

    def handle(self, now: int) -> None:
        pass

    def next_deadline(self, now: int) -> None:
        return None

    def send_health(self, body: bytes) -> None:
        self.sent.append(json.loads(body))


class Health(unittest.TestCase):
    def rig(self, **report: "Any") -> "tuple[Rig, Any]":
        rig = Rig()
        rig.board.advance(123456)  # not on a boundary
        rig.board.heap_free = lambda: 1000  # type: ignore[method-assign]
        rig.gate = Gate(rig.board, settings(**report), FakeLink)
        link = rig.gate.link
        assert link is not None
        return rig, link

    def test_the_loop_says_how_long_its_turns_took_and_the_worst_counts(self) -> None:
        rig = Rig()
        for ms in (3, 12, 5):
            rig.gate.took(ms)
        self.assertEqual(rig.gate.worst_tick_ms, 12)

    def test_an_emulated_site_sends_it_once_per_interval_and_exactly(self) -> None:
        rig, link = self.rig(interval_ms=60000)
        rig.after(59999)
        self.assertEqual(link.sent, [])
        rig.gate.worst_tick_ms = 12
        rig.gate.delivery.refused = 3
        rig.after(1)
        self.assertEqual(
            link.sent,
            [
                {
                    "v": 1,
                    "boot": 2,
                    "heap_free": 768,
                    "worst_tick_ms": 12,
                    "outbox": len(rig.gate.outbox),
                    "refused_stored": 3,
                }
            ],
        )
        rig.after(59999)
        self.assertEqual(len(link.sent), 1)
        rig.after(1)
        self.assertEqual(len(link.sent), 2)

    def check_held(self, rig: Rig, link: FakeLink) -> None:
        rig.after(900000 - 123456 - 1)
        self.assertEqual(link.sent, [])
        rig.gate.worst_tick_ms = 12
        rig.gate.delivery.refused = 3
        # No input and nobody asks: the gate's own deadline is the boundary.
        self.assertEqual(ticks_diff(rig.gate.next_deadline(rig.board.now), rig.board.now), 1)
        rig.after(1)
        # What happened since the boot may be one rider's doing: it is not told before a tally has closed.
        at_boot = {"v": 1, "boot": 2, "heap_free": 768, "worst_tick_ms": 0, "outbox": 16, "refused_stored": 0}
        self.assertEqual(link.sent, [at_boot])
        for _ in range(15):
            rig.gate.reporter.notice(MORNING_MS, "fault")
        for _ in range(9):
            rig.gate.reporter.passed_free(rig.board.epoch_ms()[0], "entry")
        rig.board.heap_free = lambda: 600  # type: ignore[method-assign]
        rig.after(899999)
        self.assertEqual(len(link.sent), 1)
        rig.after(1)
        self.assertEqual(link.sent, [at_boot, at_boot])
        rig.gate.reporter.passed_free(rig.board.epoch_ms()[0], "entry")
        rig.after(900000)
        told = {"v": 1, "boot": 2, "heap_free": 512, "worst_tick_ms": 20, "outbox": 32, "refused_stored": 3}
        self.assertEqual(link.sent, [at_boot, at_boot, told])

    def test_a_device_that_holds_sends_it_on_the_boundary_and_rounded(self) -> None:
        self.check_held(*self.rig(send_at_once=False))

    def test_a_physical_site_does_so(self) -> None:
        self.check_held(*self.rig(physical=True))

    def test_an_unknown_heap_and_an_empty_outbox_stay_what_they_are(self) -> None:
        rig, link = self.rig(interval_ms=900000)
        rig.board.heap_free = lambda: -1  # type: ignore[method-assign]
        for boot in (1, 2):
            rig.gate.outbox.confirm(boot, 1)
        rig.after(900000)
        self.assertEqual(
            [(sent["heap_free"], sent["worst_tick_ms"], sent["outbox"]) for sent in link.sent], [(-1, 0, 0)]
        )

    def test_without_a_connection_none_is_sent_or_kept(self) -> None:
        for report in ({"interval_ms": 900000}, {"physical": True}):
            rig, link = self.rig(**report)
            link.is_connected = False
            rig.after(900000)
            link.is_connected = True
            rig.after(700000 - 123456)
            self.assertEqual(link.sent, [])


class Loop(unittest.TestCase):
    def test_stop_ends_the_loop(self) -> None:
        rig = Rig()
        rig.after(1, (0, b.STOP, 0, 0))
        self.assertTrue(rig.gate.stopping)

    def test_boots_are_counted_in_storage(self) -> None:
        storage = MemoryStorage()
        self.assertEqual([Rig(storage).gate.boot for _ in range(3)], [1, 2, 3])

    def test_an_idle_gate_sleeps_a_minute_and_an_open_tally_wakes_it_on_the_boundary(self) -> None:
        rig = Rig()
        self.assertEqual(ticks_diff(rig.gate.next_deadline(0), 0), 60000)
        rig.present(DECLINES)
        rig.walk(0, 1, 2, 3)
        rig.after(15 * 60000 - 1000 - rig.board.now)
        self.assertEqual(ticks_diff(rig.gate.next_deadline(rig.board.now), rig.board.now), 1000)

    def test_no_storm_of_inputs_is_too_much(self) -> None:
        for seed in range(12):
            random = Lcg(seed)
            rig = Rig(interval_ms=10000, tally_min=1, outbox_records=64)
            for _ in range(250):
                ms = (0, 1, 50, 700, 6000)[random.below(5)]
                drawn = random.below(20)
                if drawn < 14:
                    rig.after(ms, beam(0, random.below(4), random.below(2)))
                elif drawn < 18:
                    rig.after(ms, medium(0, (RIDER, DECLINES, b"bad")[random.below(3)]))
                else:
                    rig.after(ms, fire(0, random.below(2)))
            rig.after(10, fire(0, 0))
            rig.edges((0, 0), (1, 0), (2, 0), (3, 0))
            rig.after(6000)
            self.assertEqual(rig.state, turnstile.LOCKED)
            before = len(rig.board.shown)
            rig.present(RIDER)
            rig.walk(0, 1, 2, 3)
            self.assertEqual(
                [state for _, _, _, _, state in rig.board.shown[before:]],
                ["released", "passing", "locked"],
            )


if __name__ == "__main__":
    unittest.main()


class BootCounter(unittest.TestCase):
    def test_it_counts_from_one_and_never_falls_behind_what_the_outbox_holds(self) -> None:
        storage = MemoryStorage()
        self.assertEqual([next_boot(storage), next_boot(storage)], [1, 2])
        storage.write("q00000007-00000000", b"")
        for damage in (b"", b"x", b"3"):
            storage.write("boot", damage)
            self.assertEqual(next_boot(storage), 8)
        storage.remove("boot")
        self.assertEqual(next_boot(storage), 8)
