"""The ticket hall with real kiosks and an office that really signs: who buys goes on with a pass that verifies, in the
lanes' thread; who can't stays, with the money."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware.boards.storage import FileStorage
from firmware.config import Settings
from firmware.fare.passes import Fare
from simulator.live import distant_day_start_ms
from simulator.ticket_hall import HALL_MAX, TicketHall, Till
from simulator.truth import DAY_MS
from simulator.world import behaviours as b
from simulator.world import riders
from simulator.world.population import plain_population
from simulator.world.riders import Rider
from tests.support import wait_until
from tests.touch.office import KEY, Office

PRICES = {"single": 200, "day": 600}


class Hall:
    """A hall of `kiosks` over an office; `posted` are the riders on their way to the lanes."""

    def __init__(self, folder: Path, kiosks: int) -> None:
        now_ms = int(time.time() * 1000)
        self.day_start_ms = distant_day_start_ms(now_ms)
        self.day = (now_ms - self.day_start_ms) // DAY_MS
        self.office = Office(self.day)
        self.url = self.office.start()
        self.folder = folder
        self.posted: list[Callable[[], None]] = []
        settings = [self.settings(f"kiosk-{n}") for n in range(kiosks)]
        for one in settings:
            (folder / one["device"]).mkdir(parents=True)
            (folder / one["device"] / "keys").write_bytes(self.office.key_list())
        self.hall = TicketHall(settings, folder, self.posted.append)

    def settings(self, name: str) -> dict[str, Any]:
        return {
            "site": "north",
            "device": name,
            "class": "emulated",
            "key": KEY.hex(),
            "broker": None,
            "report": {"day_start_ms": self.day_start_ms},
            "passes": {"list_key": self.office.list_key},
            "kiosk": {
                "gateway": self.url,
                "prices": PRICES,
                "coins": [[1, 200], [2, 100]],
                "issue_ms": 2_000,
                "answer_ms": 600,
                "retry_ms": 200,
                "pause_ms": 1_000,
            },
        }

    def gate(self) -> Fare:
        """A gate's own judgement of passes."""
        storage = FileStorage(str(self.folder / "gate"))
        fare = Fare(Settings(self.settings("gate-1")), storage)
        fare.keys.accept(self.office.key_list())
        return fare


@contextmanager
def opened(folder: Path, kiosks: int) -> Iterator[Hall]:
    made = Hall(folder, kiosks)
    made.hall.open()
    try:
        yield made
    finally:
        made.hall.close()
        made.office.stop()


def rider(number: int, behaviour: str = b.PAY) -> Rider:
    return riders.draw(1, f"entry-{number}", "entry", plain_population(), behaviour)


def test_riders_buy_what_they_want_and_go_on_in_the_lanes_thread(tmp_path: Path) -> None:
    people = [rider(n) for n in range(8)]
    wanted = [(one.product, one.consent) for one in people]
    assert len(set(wanted)) >= 3, "different ones"
    gone: list[tuple[Rider, int]] = []
    with opened(tmp_path, 3) as made:
        for one in people:
            made.hall.shop(one, lambda one=one: gone.append((one, threading.get_ident())))  # type: ignore[misc]
        wait_until(lambda: len(made.posted) == 8, "all are served", timeout_s=60)
        assert not gone and all(one.carried is None for one in people), "nothing of a rider changes in another thread"
        for go in made.posted:
            go()
        gate = made.gate()
        for one, thread in gone:
            decision = gate.decide(one.medium(), made.day, 0)
            assert (decision.accepted, decision.product, decision.consent) == (True, one.product, one.consent)
            assert one.nonce == one.medium()[9:41] and thread == threading.get_ident()
        assert [(one.product, one.consent) for one in people] == wanted
        assert len({one.medium() for one in people}) == 8
        price = sum(PRICES[product] for product, _ in wanted)
        assert made.hall.till() == Till(8, price, price, 0)


def test_while_the_gateway_is_away_riders_get_their_money_back_and_stay(tmp_path: Path) -> None:
    with opened(tmp_path, 1) as made:
        made.hall.shop(rider(1), lambda: None)
        wait_until(lambda: len(made.posted) == 1, "it works", timeout_s=30)
        made.office.away = True
        made.hall.shop(rider(2), lambda: None)
        wait_until(lambda: made.hall.till().refunded > 0, "the money came back", timeout_s=30)
        (stand,) = made.hall.stands
        assert len(made.posted) == 1 and sum(stand.board.box) == made.hall.till().price_cents
        made.office.away = False
        wait_until(lambda: len(made.posted) == 2, "the rider tries again, and has a pass", timeout_s=60)
        till = made.hall.till()
        assert till.sold == 2 and till.box_cents == till.price_cents


def test_who_never_gets_anything_is_left_when_the_hall_closes(tmp_path: Path) -> None:
    made = Hall(tmp_path, 1)
    made.office.away = True
    made.hall.open()
    made.hall.shop(rider(1), lambda: None)
    (stand,) = made.hall.stands
    wait_until(lambda: stand.client.last_error, "the kiosk has asked in vain")  # type: ignore[attr-defined]
    made.hall.close()
    made.office.stop()
    assert not made.posted and len(made.hall._waiting) == 1, "nobody is sold what they can't be asked about"


def test_a_full_hall_takes_nobody_more(tmp_path: Path) -> None:
    made = Hall(tmp_path, 0)
    for n in range(HALL_MAX + 5):
        made.hall.shop(rider(n % 3), lambda: pytest.fail("nobody is served"))
    assert len(made.hall._waiting) == HALL_MAX
    made.hall.close()
    made.office.stop()


def test_a_forgery_names_a_real_key_is_not_sold_and_does_not_open_a_gate(tmp_path: Path) -> None:
    with opened(tmp_path, 1) as made:
        made.hall.shop(rider(1), lambda: None)
        wait_until(lambda: len(made.posted) == 1, "somebody has a pass", timeout_s=30)
        forger = rider(2, b.RefusedRetreat.name)
        went: list[bool] = []
        made.hall.shop(forger, lambda: went.append(True))
        assert went and made.hall.till().sold == 1
        decision = made.gate().decide(forger.medium(), made.day, 0)
        assert (decision.accepted, decision.reason) == (False, "bad_signature")


def test_a_kiosk_that_fails_by_itself_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("simulator.ticket_hall.Stand._pay", broken)
    made = Hall(tmp_path, 1)
    made.hall.open()
    made.hall.shop(rider(1), lambda: None)
    wait_until(lambda: made.hall.loop._error is not None, "it is known", timeout_s=30)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        made.hall.check()
    made.hall.close()
    made.office.stop()
