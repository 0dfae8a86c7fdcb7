"""The single-beam and the beam-profile detector: scripted bodies, and storms of edges that no body made."""

import unittest

from firmware.lane.beam_profile import LEASH_MS, STILL_MS, BeamProfileDetector
from firmware.lane.detector import (
    BACK,
    CHILD,
    COMPLETED,
    CRAWLER,
    ENTERED,
    FRONT,
    JUMPER,
    PERSON,
    TRACE_MAX,
    TURNED_BACK,
    Body,
)
from firmware.lane.single_beam import ENTER_MS, FOLLOW_MS, LEAVE_MS, SingleBeamDetector
from tests.firmware.fakes import Lcg


class SingleBeam(unittest.TestCase):
    def setUp(self) -> None:
        self.detector = SingleBeamDetector()

    def feed(self, *steps: "tuple[int, int | None]") -> "list[tuple[str, Body]]":
        """(ticks, blocked or None for a tick): what was found."""
        found: "list[tuple[str, Body]]" = []
        for ticks, blocked in steps:
            if blocked is None:
                found += self.detector.tick(ticks)
            else:
                found += self.detector.edge(ticks, 0, blocked)
        return found

    def test_a_rider_is_through_when_the_beam_has_been_clear_for_a_while(self) -> None:
        found = self.feed((1000, 1), (1000 + ENTER_MS - 1, None))
        self.assertEqual(found, [])
        self.assertEqual(self.detector.next_deadline(), 1000 + ENTER_MS)
        [(event, body)] = self.feed((1000 + ENTER_MS, None))
        self.assertEqual((event, body.origin, body.behind, body.since), (ENTERED, FRONT, False, 1000))
        self.assertFalse(self.detector.clear())
        self.assertEqual(self.feed((1400, 0), (1400 + LEAVE_MS - 1, None)), [])
        [(event, same)] = self.feed((1400 + LEAVE_MS, None))
        self.assertEqual(event, COMPLETED)
        self.assertTrue(same is body and self.detector.clear() and self.detector.next_deadline() is None)
        self.assertEqual(body.confidence(), 95)

    def test_a_flicker_is_nobody(self) -> None:
        self.assertEqual(self.feed((1000, 1), (1000 + ENTER_MS - 1, 0), (9000, None)), [])
        self.assertTrue(self.detector.clear())

    def test_legs_and_bags_are_one_rider_of_whom_it_is_less_sure(self) -> None:
        found = self.feed((0, 1), (200, 0), (200 + LEAVE_MS - 50, 1), (700, 0), (2000, None))
        self.assertEqual([event for event, _ in found], [ENTERED, COMPLETED])
        self.assertEqual(found[0][1].holes, 1)

    def test_who_comes_soon_after_is_a_follower(self) -> None:
        found = self.feed((0, 1), (300, 0), (700, 1), (1000, 0), (2000, None))
        self.assertEqual([event for event, _ in found], [ENTERED, COMPLETED, ENTERED, COMPLETED])
        self.assertEqual([body.behind for _, body in found], [False, False, True, True])
        found = self.feed((1000 + FOLLOW_MS, 1), (1000 + FOLLOW_MS + ENTER_MS, None))
        self.assertEqual([body.behind for _, body in found], [False])

    def test_ticks_wrap(self) -> None:
        end = (1 << 29) - 50
        found = self.feed((end, 1), ((end + 300) & ((1 << 29) - 1), 0))
        found += self.feed(((end + 300 + LEAVE_MS) & ((1 << 29) - 1), None))
        self.assertEqual([event for event, _ in found], [ENTERED, COMPLETED])

    def test_no_storm_of_edges_breaks_it(self) -> None:
        draw = Lcg(5)
        now = 0
        started = ended = 0
        for _ in range(3000):
            now += draw.below(400)
            found = self.feed((now, draw.below(3) - 1 or None)) if draw.below(2) else self.feed((now, draw.below(2)))
            self.detector.edge(now, 1 + draw.below(5), 1)  # a beam that it does not have
            for event, _ in found:
                started += event == ENTERED
                ended += event != ENTERED
            self.assertTrue(len(self.detector.bodies) <= 1 and started - ended == len(self.detector.bodies))
        self.assertTrue(started > 100)
        self.assertTrue(all(len(body.trace) <= TRACE_MAX for body in self.detector.bodies))


LAYOUT = [[x_mm, z_mm] for x_mm in (0, 150, 300, 450) for z_mm in (200, 550, 1200)]


class Profile(unittest.TestCase):
    def setUp(self) -> None:
        self.detector = BeamProfileDetector(LAYOUT)
        self.now = 10_000

    def cross(
        self, start: int, low_mm: int, high_mm: int, length_mm: int, mm_per_ms: int = 1, backward: bool = False
    ) -> "list[tuple[int, int, int]]":
        """The edges of one solid thing that crosses: [(ticks, index, blocked)]."""
        edges = []
        for index, (x_mm, z_mm) in enumerate(LAYOUT):
            if low_mm <= z_mm <= high_mm:
                at = (450 - x_mm if backward else x_mm) // mm_per_ms
                edges += [(start + at, index, 1), (start + at + length_mm // mm_per_ms, index, 0)]
        return edges

    def feed(self, edges: "list[tuple[int, int, int]]", settle: bool = True) -> "list[tuple[str, Body]]":
        """[(event, body)] of the edges in order of time, and of the ticks that fall due."""
        found: "list[tuple[str, Body]]" = []
        for ticks, index, blocked in sorted(edges, key=lambda edge: (edge[0], -edge[2])):
            found += self.due(ticks)
            found += self.detector.edge(ticks, index, blocked)
            self.now = ticks
        if settle:
            found += self.due(self.now + 20_000)
        return found

    def due(self, until: int) -> "list[tuple[str, Body]]":
        found: "list[tuple[str, Body]]" = []
        while True:
            deadline = self.detector.next_deadline()
            if deadline is None or deadline > until:
                return found
            before = deadline
            found += self.detector.tick(deadline)
            self.assertTrue(self.detector.next_deadline() != before)

    def kinds(self, found: "list[tuple[str, Body]]") -> "list[tuple[str, str, int]]":
        return [(event, body.kind, body.origin) for event, body in found]

    def test_a_person(self) -> None:
        found = self.feed(self.cross(10_000, 0, 1700, 300))
        self.assertEqual(self.kinds(found), [(ENTERED, PERSON, FRONT), (COMPLETED, PERSON, FRONT)])
        self.assertEqual(found[1][1].confidence(), 95)
        self.assertTrue(self.detector.clear() and self.detector.next_deadline() is None)

    def test_traces_have_the_lane_s_numbers_of_the_beams(self) -> None:
        edges = self.cross(10_000, 0, 1700, 300)
        body = self.feed(edges)[1][1]
        high = max(z_mm for _, z_mm in LAYOUT)
        told = [(ticks - 10_000, index, blocked) for ticks, index, blocked in edges if LAYOUT[index][1] == high]
        self.assertEqual(body.trace, sorted(told, key=lambda edge: (edge[0], -edge[2])))

    def test_a_person_with_a_suitcase_is_one_person(self) -> None:
        edges = self.cross(10_000, 0, 1700, 300) + self.cross(10_700, 0, 650, 300)
        self.assertEqual(self.kinds(self.feed(edges)), [(ENTERED, PERSON, FRONT), (COMPLETED, PERSON, FRONT)])

    def test_a_pram_ahead_is_no_person(self) -> None:
        edges = self.cross(10_000, 0, 1050, 800) + self.cross(11_000, 0, 1700, 300)
        self.assertEqual(self.kinds(self.feed(edges)), [(ENTERED, PERSON, FRONT), (COMPLETED, PERSON, FRONT)])

    def test_a_follower_is_a_person(self) -> None:
        edges = self.cross(10_000, 0, 1700, 300) + self.cross(10_460, 0, 1700, 300)
        found = self.feed(edges)
        self.assertEqual([event for event, _ in found].count(COMPLETED), 2)
        self.assertEqual([body.behind for event, body in found if event == ENTERED], [False, True])

    def test_against_the_lane(self) -> None:
        found = self.feed(self.cross(10_000, 0, 1700, 300, backward=True))
        self.assertEqual(self.kinds(found), [(ENTERED, PERSON, BACK), (COMPLETED, PERSON, BACK)])

    def test_somebody_who_turns_back(self) -> None:
        edges = []
        for index, (x_mm, _) in enumerate(LAYOUT):
            if x_mm <= 150:
                edges += [(10_000 + x_mm, index, 1), (10_800 - x_mm, index, 0)]
        self.assertEqual([event for event, _ in self.feed(edges)], [ENTERED, TURNED_BACK])

    def test_a_jump_has_nothing_beneath(self) -> None:
        found = self.feed(self.cross(10_000, 800, 1900, 300))
        self.assertEqual(self.kinds(found)[-1], (COMPLETED, JUMPER, FRONT))

    def test_somebody_who_crawls(self) -> None:
        found = self.feed(self.cross(10_000, 0, 600, 1200))
        self.assertEqual(self.kinds(found), [(ENTERED, CRAWLER, FRONT), (COMPLETED, CRAWLER, FRONT)])
        found = self.feed(self.cross(40_000, 0, 600, 1200, backward=True))
        self.assertEqual(self.kinds(found)[-1], (COMPLETED, CRAWLER, BACK))

    def test_a_child_alone_and_a_thing_alone(self) -> None:
        found = self.feed(self.cross(10_000, 0, 1000, 200))
        self.assertEqual(self.kinds(found), [(ENTERED, CHILD, FRONT), (COMPLETED, CHILD, FRONT)])
        self.assertEqual(self.feed(self.cross(60_000, 0, 300, 200)), [])

    def test_it_waits_as_long_as_a_leash(self) -> None:
        edges = self.cross(10_000, 0, 1000, 200)
        self.assertEqual(self.feed(edges, settle=False), [])
        end = max(ticks for ticks, _, _ in edges)
        self.assertEqual(self.detector.next_deadline(), end + STILL_MS)
        self.assertEqual(self.detector.tick(end + STILL_MS), [])
        self.assertEqual(self.detector.next_deadline(), end + LEASH_MS)
        self.assertEqual(self.detector.tick(end + LEASH_MS - 1), [])
        self.assertEqual(len(self.detector.tick(end + LEASH_MS)), 2)

    def test_no_storm_of_edges_breaks_it(self) -> None:
        draw = Lcg(11)
        started = ended = 0
        for _ in range(4000):
            self.now += draw.below(120)
            found = self.detector.edge(self.now, draw.below(14), draw.below(2)) + self.detector.tick(self.now)
            for event, body in found:
                started += event == ENTERED
                ended += event != ENTERED
                self.assertTrue(10 <= body.confidence() <= 95 and len(body.trace) <= TRACE_MAX)
            self.assertTrue(len(self.detector.bodies) <= 4)
        self.assertEqual(started - ended, len(self.detector.bodies))
        self.assertTrue(started > 50)

    def test_layouts_that_tell_nothing(self) -> None:
        with self.assertRaises(ValueError):
            BeamProfileDetector([[0, 200], [150, 200]])
        with self.assertRaises(ValueError):
            BeamProfileDetector([[0, 200], [150, 200], [150, 1200]])


if __name__ == "__main__":
    unittest.main()
