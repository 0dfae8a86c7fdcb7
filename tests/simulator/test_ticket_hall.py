"""The ticket hall: riders buy in other threads, come back in the loop's, and stay where there is nothing to be had."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from simulator.ticket_hall import HALL_MAX, TicketHall, Till
from simulator.world import behaviours as b
from simulator.world import riders
from simulator.world.population import plain_population
from simulator.world.riders import Rider
from tests.support import wait_until


class Machine:
    """A kiosk that sells whatever it is told to, for 200 cents."""

    def __init__(self) -> None:
        self.works = True
        self.sold: list[bytes] = []
        self.refunds = 0
        self.asked: list[tuple[str, bool]] = []

    def sell(self, product: str, consent: bool) -> bytes | None:
        self.asked.append((product, consent))
        if not self.works:
            self.refunds += 1
            return None
        medium = b"\x01" + b"key-id-8" + len(self.sold).to_bytes(32, "big") + bytes(256)
        self.sold.append(medium)
        return medium

    def till(self) -> Till:
        return Till(len(self.sold), 200 * len(self.sold), 200 * len(self.sold), self.refunds)


def rider(number: int, behaviour: str = b.PAY) -> Rider:
    return riders.draw(1, f"entry-{number}", "entry", plain_population(), behaviour)


@contextmanager
def opened(*machines: Machine) -> Iterator[tuple[TicketHall, list[Callable[[], None]]]]:
    posted: list[Callable[[], None]] = []
    hall = TicketHall(machines, posted.append)
    hall.open()
    try:
        yield hall, posted
    finally:
        hall.close()


def test_riders_get_what_they_want_and_go_on_in_the_loops_thread() -> None:
    machines = Machine(), Machine()
    gone: list[tuple[str, int]] = []
    people = [rider(n) for n in range(40)]
    with opened(*machines) as (hall, posted):
        for one in people:
            hall.shop(one, lambda one=one: gone.append((one.id, threading.get_ident())))  # type: ignore[misc]
        wait_until(lambda: len(posted) == 40, "all are served")
        assert not gone and all(one.carried is None for one in people), "nothing of a rider changes in another thread"
        for go in posted:
            go()
        assert sorted(name for name, _ in gone) == sorted(one.id for one in people)
        assert {thread for _, thread in gone} == {threading.get_ident()}
        assert sorted(one.medium() for one in people) == sorted(machines[0].sold + machines[1].sold)
        assert all(one.nonce == one.medium()[9:41] for one in people)
        wanted = sorted((one.product, one.consent) for one in people)
        assert sorted(machines[0].asked + machines[1].asked) == wanted
        assert hall.till() == Till(40, 8_000, 8_000, 0)


def test_who_gets_nothing_stays_and_is_served_when_it_works_again() -> None:
    machine = Machine()
    machine.works = False
    with opened(machine) as (hall, posted):
        hall.shop(rider(1), lambda: None)
        wait_until(lambda: machine.refunds > 0, "the money came back")
        assert not posted
        machine.works = True
        wait_until(lambda: len(posted) == 1, "the rider has a pass")
        assert hall.till().sold == 1


def test_who_never_gets_anything_is_left_when_the_hall_closes() -> None:
    machine = Machine()
    machine.works = False
    with opened(machine) as (hall, posted):
        hall.shop(rider(1), lambda: None)
        wait_until(lambda: machine.refunds > 0, "the money came back")
    assert not posted


def test_a_full_hall_takes_nobody_more() -> None:
    hall = TicketHall([], lambda go: None)
    for n in range(HALL_MAX + 5):
        hall.shop(rider(n % 3), lambda: pytest.fail("nobody is served"))
    assert hall._waiting.qsize() == HALL_MAX


def test_a_forgery_names_a_real_key_and_is_not_sold() -> None:
    machine = Machine()
    with opened(machine) as (hall, posted):
        hall.shop(rider(1), lambda: None)
        wait_until(lambda: len(posted) == 1, "somebody has a pass")
        forger = rider(2, b.RefusedRetreat.name)
        went: list[bool] = []
        hall.shop(forger, lambda: went.append(True))
        assert went and forger.medium()[:9] == machine.sold[0][:9] and len(forger.medium()) == 297
        assert len(machine.sold) == 1


def test_a_kiosk_that_fails_by_itself_is_told() -> None:
    class Broken(Machine):
        def sell(self, product: str, consent: bool) -> bytes | None:
            raise RuntimeError("a fault of ours")

    with opened(Broken()) as (hall, _):
        hall.shop(rider(1), lambda: None)
        wait_until(lambda: hall._problem is not None, "it is known")
        with pytest.raises(RuntimeError, match="a fault of ours"):
            hall.check()
