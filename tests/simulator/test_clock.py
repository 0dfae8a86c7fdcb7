"""The virtual clock: order, inclusion, cancelling; and generators that belong to one identity."""

import pytest

from simulator.clock import Scheduler, rng


def test_callbacks_run_in_order_of_time_then_of_asking() -> None:
    scheduler = Scheduler()
    seen: list[str] = []
    scheduler.at(20, lambda: seen.append("later"))
    scheduler.at(10, lambda: seen.append("first"))
    scheduler.at(10, lambda: seen.append("second"))
    assert scheduler.run_until(20) == 3
    assert seen == ["first", "second", "later"]


def test_run_until_includes_its_end_and_what_that_adds() -> None:
    scheduler = Scheduler()
    seen: list[int] = []

    def chain() -> None:
        seen.append(scheduler.now_ms)
        if len(seen) < 3:
            scheduler.after(0, chain)

    scheduler.at(10, chain)
    scheduler.at(11, lambda: seen.append(-1))
    scheduler.run_until(9)
    assert seen == [] and scheduler.now_ms == 9
    scheduler.run_until(10)
    assert seen == [10, 10, 10] and scheduler.now_ms == 10
    assert scheduler.next_at() == 11


def test_the_past_is_refused() -> None:
    scheduler = Scheduler(start_ms=100)
    with pytest.raises(ValueError, match="it is 100 ms already"):
        scheduler.at(99, lambda: None)
    with pytest.raises(ValueError, match="cannot run until 99 ms"):
        scheduler.run_until(99)


def test_a_cancelled_callback_never_runs_and_is_not_next() -> None:
    scheduler = Scheduler()
    seen: list[int] = []
    timer = scheduler.at(5, lambda: seen.append(5))
    scheduler.at(6, lambda: seen.append(6))
    timer.cancel()
    timer.cancel()
    assert not timer.pending
    assert scheduler.next_at() == 6
    assert len(scheduler) == 1
    scheduler.run_until(10)
    assert seen == [6] and scheduler.next_at() is None


def test_cancelled_callbacks_do_not_pile_up() -> None:
    scheduler = Scheduler()
    kept = [scheduler.at(1_000_000 + n, lambda: None) for n in range(10)]
    for n in range(20_000):
        scheduler.at(500_000 + n, lambda: None).cancel()
    assert len(scheduler) == 10
    assert len(scheduler._heap) < 3_000
    assert all(timer.pending for timer in kept)
    assert scheduler.run_until(2_000_000) == 10


def test_cancelling_from_within_a_callback_keeps_the_rest() -> None:
    scheduler = Scheduler()
    seen: list[str] = []
    victims = [scheduler.at(20, lambda: seen.append("cancelled")) for _ in range(5_000)]

    def cancel_all() -> None:
        for victim in victims:
            victim.cancel()

    scheduler.at(10, cancel_all)
    scheduler.at(30, lambda: seen.append("kept"))
    scheduler.run_until(40)
    assert seen == ["kept"] and len(scheduler) == 0


def test_a_generator_belongs_to_its_identity() -> None:
    assert rng(1, "rider", 7).random() == rng(1, "rider", 7).random()
    different = {rng(seed, *names).random() for seed in (1, 2) for names in (("a", "bc"), ("ab", "c"), ("abc",), ())}
    assert len(different) == 8


def test_generators_give_the_same_numbers_on_every_machine() -> None:
    own = rng(7, "golden")
    assert [own.randrange(1000) for _ in range(5)] == GOLDEN


GOLDEN = [287, 708, 223, 394, 829]
