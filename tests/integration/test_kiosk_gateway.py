"""A kiosk before a real gateway: key list, blind signature, notice, receipt, my data, exchange; and its death."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.fare import pass_token
from firmware.fare.rsa import verify_pss
from gateway.consent import receipt
from gateway.embedded import EmbeddedGateway
from simulator.kiosk.paced import PacedKiosk
from simulator.live import distant_day_start_ms
from tests.support import wait_until


class Shop:
    """One kiosk, its gateway and a rider's hands."""

    def __init__(self, folder: Path) -> None:
        self.backend = EmbeddedGateway(folder / "gateway")
        now_ms = int(time.time() * 1000)
        self.settings = self.backend.provision("demo", ["gate-1"], distant_day_start_ms(now_ms), ["kiosk-1"])["kiosk-1"]
        self.settings["kiosk"] |= {"issue_ms": 3000, "answer_ms": 1000, "retry_ms": 200, "pause_ms": 1000}
        self.backend.start_broker()
        self.backend.start_gateway()
        self.kiosk = PacedKiosk(self.settings, folder / "kiosk", epoch_ms=now_ms, print_ms=50)
        self.kiosk.start()

    def close(self) -> None:
        try:
            self.kiosk.stop()
        finally:
            self.backend.stop()

    def until(self, state: str, found: Callable[[Any], bool] = lambda screen: True) -> Any:
        def there() -> bool:
            screen = self.kiosk.screen()
            return bool(screen["state"] == state and found(screen))

        wait_until(there, f"the kiosk shows {state}", timeout_s=40)
        return self.kiosk.screen()

    def buy(self, yes: bool) -> None:
        """As far as the answer."""
        self.until("start")
        self.kiosk.press(("choose", "single"))
        price = self.until("pay")["price_cents"]
        for cents in (200, 100, 50, 20, 10):
            while price >= cents:
                self.kiosk.press(("machine", "insert", cents))
                price -= cents
        asked = self.until("ask")
        assert asked["notice"]["version"] == "2026-1"
        self.kiosk.press(("answer", yes))

    def ticket(self) -> dict[str, Any]:
        self.until("hand_over")
        found = self.kiosk.board.tray[0]
        self.kiosk.press(("machine", "take_ticket"))
        self.kiosk.press(("taken",))
        self.until("start")
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
def test_buy_withdraw_and_a_gateway_that_is_gone(shop: Shop) -> None:
    shop.buy(True)
    ticket = shop.ticket()
    raw = pass_token.parse(ticket["pass_text"].encode())
    assert raw is not None
    keys = shop.kiosk._device.app.keys  # type: ignore[union-attr]
    key = keys.find(pass_token.key_id(raw))
    assert key is not None and (key.product, key.choice) == ("single", "research")
    assert verify_pss(key.n, pass_token.message(raw), pass_token.signature(raw))
    assert ticket["list_hash"] == keys.hash
    # The receipt has the closed form that the gateway's schema is made from.
    assert (
        receipt.decode(json.dumps(ticket["receipt"]).encode()).collectionMethod
        == "kiosk, two equal buttons, default no"
    )

    shop.kiosk.press(("show", ticket["pass_text"]))
    shown = shop.until("my_data", lambda screen: screen["rows"] is not None)
    assert (shown["rows"], shown["withdrawable"]) == ([], True)
    shop.kiosk.press(("withdraw",))
    shop.until("withdraw")
    shop.kiosk.press(("answer", True))
    new = shop.ticket()
    assert (new["choice"], new["exchanged"], new["receipt"]) == ("none", True, None)
    assert new["pass_text"] != ticket["pass_text"]

    shop.kiosk.press(("show", ticket["pass_text"]))
    shop.until("my_data", lambda screen: screen["rows"] is not None)
    shop.kiosk.press(("withdraw",))
    shop.until("withdraw")
    shop.kiosk.press(("answer", True))
    assert shop.until("sorry")["why"] == "spent"
    shop.kiosk.press(("back",))

    shop.buy(False)
    assert shop.ticket()["choice"] == "none"

    shop.until("start")
    shop.kiosk.press(("choose", "single"))
    price = shop.until("pay")["price_cents"]
    assert shop.backend.gateway_pid is not None
    os.kill(shop.backend.gateway_pid, signal.SIGKILL)
    while price:
        cents = next(one for one in (200, 100, 50, 20, 10) if one <= price)
        shop.kiosk.press(("machine", "insert", cents))
        price -= cents
    shop.until("ask")
    shop.kiosk.press(("answer", True))
    assert shop.until("sorry")["why"] == "unreachable"
    board = shop.kiosk.board
    assert (sum(board.cup), board.escrow, board.tray) == (shown["prices"]["single"], [], [])
    sold = sum(board.box)
    assert sold == 2 * shown["prices"]["single"]
    shop.kiosk.press(("back",))
    shop.until("out_of_order")
    shop.backend.restart_gateway()
    shop.until("start")
    facts = shop.backend.facts()
    assert facts["issued"] == {"kiosk-1": 3}
