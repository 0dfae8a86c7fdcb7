"""The ordered detector: scripted bodies, contradictions, and storms of edges that no body made."""

import unittest

from firmware.lane.detector import BACK, COMPLETED, ENTERED, FRONT, TRACE_MAX, TURNED_BACK, Body
from firmware.lane.ordered import OrderedDetector
from tests.firmware.fakes import Lcg

BREAK = 1
CLEAR = 0


class Lane:
    """A detector fed from a script of (beam, broken), 100 ms apart; ``seen`` has what it found."""

    def __init__(self, beams: int = 4) -> None:
        self.detector = OrderedDetector(beams)
        self.seen: "list[tuple[str, Body]]" = []
        self.now = 0

    def feed(self, *edges: "tuple[int, int]") -> "list[str]":
        """The events that these edges made."""
        found = []
        for index, broken in edges:
            self.now += 100
            found += self.detector.edge(self.now, index, broken)
        self.seen += found
        return [event for event, _ in found]


def walk(beams: "range | tuple[int, ...]") -> "list[tuple[int, int]]":
    """A short body that covers two neighbouring beams at a time."""
    beams = tuple(beams)
    edges = [(beams[0], BREAK)]
    for n in range(1, len(beams)):
        edges += [(beams[n], BREAK), (beams[n - 1], CLEAR)]
    return edges + [(beams[-1], CLEAR)]


class OneBody(unittest.TestCase):
    def test_a_body_in_the_lanes_direction(self) -> None:
        lane = Lane()
        self.assertEqual(lane.feed(*walk(range(4))), [ENTERED, COMPLETED])
        body = lane.seen[1][1]
        self.assertEqual((body.origin, body.behind, body.holes), (FRONT, False, 0))
        self.assertEqual(body.transit_ms(lane.now), 700)
        self.assertEqual(body.trace[0], (0, 0, 1))
        self.assertEqual(body.trace[-1], (700, 3, 0))
        self.assertTrue(lane.detector.clear())

    def test_a_body_against_it(self) -> None:
        lane = Lane()
        self.assertEqual(lane.feed(*walk((3, 2, 1, 0))), [ENTERED, COMPLETED])
        self.assertEqual(lane.seen[1][1].origin, BACK)

    def test_it_completes_only_when_the_last_beam_clears(self) -> None:
        lane = Lane()
        edges = walk(range(4))
        self.assertEqual(lane.feed(*edges[:-1]), [ENTERED])
        self.assertFalse(lane.detector.clear())
        self.assertEqual(lane.feed(edges[-1]), [COMPLETED])

    def test_a_body_longer_than_the_lane(self) -> None:
        lane = Lane()
        edges = [(n, BREAK) for n in range(4)] + [(n, CLEAR) for n in range(4)]
        self.assertEqual(lane.feed(*edges), [ENTERED, COMPLETED])

    def test_turned_back_from_either_side(self) -> None:
        for beams, origin in ((range(4), FRONT), ((3, 2, 1, 0), BACK)):
            path = tuple(beams)[:3]
            lane = Lane()
            edges = [(n, BREAK) for n in path] + [(n, CLEAR) for n in reversed(path)]
            self.assertEqual(lane.feed(*edges), [ENTERED, TURNED_BACK])
            self.assertEqual(lane.seen[1][1].origin, origin)
            self.assertTrue(lane.detector.clear())

    def test_turned_back_at_the_very_last_beam(self) -> None:
        lane = Lane()
        edges = [(n, BREAK) for n in range(4)] + [(n, CLEAR) for n in (3, 2, 1, 0)]
        self.assertEqual(lane.feed(*edges), [ENTERED, TURNED_BACK])

    def test_a_step_back_amid_the_lane_is_the_same_body(self) -> None:
        lane = Lane()
        events = lane.feed(
            (0, 1), (1, 1), (0, 0), (2, 1), (1, 0), (1, 1), (2, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0)
        )
        self.assertEqual(events, [ENTERED, COMPLETED])

    def test_two_beams_are_enough_and_one_is_not(self) -> None:
        lane = Lane(2)
        self.assertEqual(lane.feed(*walk(range(2))), [ENTERED, COMPLETED])
        self.assertRaises(ValueError, OrderedDetector, 1)


class TwoBodies(unittest.TestCase):
    def test_one_after_the_other_with_a_gap(self) -> None:
        lane = Lane()
        # The first body stands at beam 2 when the second breaks beam 0.
        events = lane.feed(
            (0, 1), (1, 1), (0, 0), (2, 1), (1, 0), (0, 1),
            (3, 1), (2, 0), (1, 1), (0, 0), (3, 0), (2, 1), (1, 0), (3, 1), (2, 0), (3, 0),
        )  # fmt: skip
        self.assertEqual(events, [ENTERED, ENTERED, COMPLETED, COMPLETED])
        self.assertFalse(lane.seen[0][1].behind)
        self.assertTrue(lane.seen[1][1].behind)
        self.assertIs(lane.seen[2][1], lane.seen[0][1])
        self.assertIs(lane.seen[3][1], lane.seen[1][1])

    def test_two_followers(self) -> None:
        lane = Lane(6)
        events = lane.feed(
            (0, 1), (1, 1), (0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (4, 1), (3, 0),  # the first at 4
            (0, 1), (1, 1), (0, 0), (2, 1), (1, 0),  # the second at 2
            (0, 1),  # the third at 0
            (5, 1), (4, 0), (5, 0),
            (3, 1), (2, 0), (4, 1), (3, 0), (5, 1), (4, 0), (5, 0),
            (1, 1), (0, 0), (2, 1), (1, 0), (3, 1), (2, 0), (4, 1), (3, 0), (5, 1), (4, 0), (5, 0),
        )  # fmt: skip
        self.assertEqual(events, [ENTERED, ENTERED, ENTERED, COMPLETED, COMPLETED, COMPLETED])
        self.assertEqual([body.behind for event, body in lane.seen if event == ENTERED], [False, True, True])
        self.assertTrue(lane.detector.clear())

    def test_without_a_gap_they_are_one(self) -> None:
        lane = Lane()
        # Two riders so close that no beam clears between them: nothing tells them from one long body.
        edges = [(0, 1), (1, 1), (2, 1), (3, 1), (0, 0), (1, 0), (2, 0), (3, 0)]
        self.assertEqual(lane.feed(*edges), [ENTERED, COMPLETED])

    def test_they_meet_from_both_sides_and_go_back(self) -> None:
        lane = Lane()
        events = lane.feed((0, 1), (3, 1), (3, 0), (0, 0))
        self.assertEqual(events, [ENTERED, ENTERED, TURNED_BACK, TURNED_BACK])
        self.assertEqual([body.origin for _, body in lane.seen], [FRONT, BACK, BACK, FRONT])
        self.assertFalse(lane.seen[1][1].behind)


class Contradictions(unittest.TestCase):
    def test_repeated_edges_change_nothing(self) -> None:
        lane = Lane()
        doubled = [edge for edge in walk(range(4)) for _ in (0, 1)]
        self.assertEqual(lane.feed(*doubled), [ENTERED, COMPLETED])
        self.assertEqual(len(lane.seen[0][1].trace), 8)

    def test_edges_of_beams_that_are_not_there(self) -> None:
        lane = Lane()
        self.assertEqual(lane.feed((4, 1), (-1, 1), (99, 0)), [])
        self.assertTrue(lane.detector.clear())

    def test_a_clear_edge_first(self) -> None:
        self.assertEqual(Lane().feed((2, 0)), [])

    def test_a_missed_first_beam(self) -> None:
        lane = Lane()
        self.assertEqual(lane.feed(*walk((1, 2, 3))), [ENTERED, COMPLETED])
        body = lane.seen[0][1]
        self.assertEqual((body.origin, body.holes), (FRONT, 1))
        self.assertEqual(body.confidence(), 80)

    def test_a_missed_last_beam(self) -> None:
        lane = Lane()
        self.assertEqual(lane.feed(*walk((0, 1, 2))), [ENTERED, COMPLETED])
        self.assertLess(lane.seen[0][1].confidence(), 95)

    def test_confidence_has_a_floor(self) -> None:
        lane = Lane(4)
        lane.feed((0, 1), (1, 1), (2, 1))
        for _ in range(40):
            lane.feed((1, 0), (1, 1))
        body = lane.seen[0][1]
        self.assertEqual(body.confidence(), 10)
        self.assertEqual(len(body.trace), TRACE_MAX)


class Storms(unittest.TestCase):
    def test_no_storm_of_edges_breaks_the_bounds(self) -> None:
        for seed in range(20):
            random = Lcg(seed)
            beams = 2 + random.below(7)
            lane = Lane(beams)
            entered = ended = 0
            for _ in range(400):
                # Beams that are not there and repeated edges, too.
                lane.feed((random.below(beams + 1), random.below(2)))
                self.assertLessEqual(len(lane.detector.bodies), beams)
                for body in lane.detector.bodies:
                    self.assertLessEqual(len(body.trace), TRACE_MAX)
                    self.assertTrue(0 <= body.lo <= body.hi < beams)
            lane.feed(*((index, CLEAR) for index in range(beams)))
            for event, _ in lane.seen:
                entered += event == ENTERED
                ended += event != ENTERED
            self.assertTrue(lane.detector.clear())
            self.assertEqual(entered, ended)
            self.assertGreater(entered, 0)
            # What came before leaves no mark on the next rider.
            self.assertEqual(lane.feed(*walk(range(beams))), [ENTERED, COMPLETED])
            self.assertEqual(lane.seen[-1][1].holes, 0)


if __name__ == "__main__":
    unittest.main()
