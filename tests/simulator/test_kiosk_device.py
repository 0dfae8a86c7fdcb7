"""The whole kiosk on a virtual clock: pulses, buttons, escrow, paper and power through the board.

And what both boards must do alike: the emulated one, and a Raspberry Pi's on gpiozero's mock pins.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from escpos.printer import Dummy
from gpiozero.pins.mock import MockFactory

from firmware.boards import board as b
from firmware.boards import kiosk_board as k
from firmware.boards import kiosk_raspberry_pi as pi
from firmware.boards import storage
from firmware.drivers import escpos_printer
from firmware.fare.pass_token import parse
from simulator.clock import Scheduler
from simulator.devices.in_process import MemoryStorage
from simulator.kiosk.board import EmulatedKioskBoard
from simulator.kiosk.device import KioskDevice
from tests.firmware.fakes import KEY_HEX, MORNING_MS
from tests.firmware.kiosk_fakes import NOTICE, Keys, Office
from tests.firmware.kiosk_world import DAY

PULSES = {10: 1, 100: 2, 200: 3}
SETTINGS: dict[str, Any] = {
    "site": "north",
    "device": "kiosk-1",
    "class": "emulated",
    "key": KEY_HEX,
    "broker": None,
    "kiosk": {
        "gateway": "http://127.0.0.1:8080",
        "prices": {"single": 300, "day": 800},
        "coins": [[pulses, cents] for cents, pulses in PULSES.items()],
    },
}


class OfficeClient:
    """Asks the office on the virtual clock; each answer takes `delay_ms`, or never comes."""

    def __init__(self, scheduler: Scheduler, office: Office, board: EmulatedKioskBoard) -> None:
        self._scheduler = scheduler
        self._office = office
        self._board = board
        self._found: list[Any] = []
        self.delay_ms = 200
        self.reachable = True

    def ask(self, effect: Any) -> None:
        answer: tuple[Any, ...]
        if effect[0] in ("sign", "exchange"):
            answer = self._office.sign(effect) if self.reachable else ("sign_refused", effect[1], "unreachable")
        elif effect[0] == "notice":
            answer = ("notice", NOTICE)
        elif effect[0] == "rows":
            answer = ("rows", [{"way": "exit", "gate": "gate-1", "at": MORNING_MS}], effect[2])
        else:
            answer = ("erased", 1, effect[2])
        self._scheduler.after(self.delay_ms, lambda: self._come(answer))

    def _come(self, answer: tuple[Any, ...]) -> None:
        self._found.append(answer)
        self._board.wake()

    def answers(self) -> list[Any]:
        found = self._found
        self._found = []
        return found


class Rig:
    """A kiosk, its office and the clock."""

    def __init__(self, *, buttons: bool = True) -> None:
        self.scheduler = Scheduler(0)
        self.office = Office(Keys(DAY))
        self.board = EmulatedKioskBoard(self.scheduler, lambda now_ms: MORNING_MS + now_ms, PULSES)
        self.client: OfficeClient | None = None
        self.device = KioskDevice(self.scheduler, SETTINGS, self.board, self._client_of, buttons=buttons)
        self.start()

    def _client_of(self, board: EmulatedKioskBoard) -> OfficeClient:
        self.client = OfficeClient(self.scheduler, self.office, board)
        return self.client

    def start(self) -> None:
        self.device.start()
        assert self.device.app is not None
        # The list comes over the broker (tested with the gate's); here the kiosk holds it from the start.
        self.device.app.keys.keys = tuple(self.office.keys.keys)  # type: ignore[assignment]
        self.device.wake()
        self.run(1000)

    def run(self, ms: int) -> None:
        self.scheduler.run_until(self.scheduler.now_ms + ms)

    @property
    def state(self) -> str:
        screen = self.device.screen()
        assert screen is not None
        return str(screen["state"])

    def pay(self, *coins: int) -> None:
        for cents in coins:
            self.run(max(0, self.board.slot_free_ms - self.scheduler.now_ms))
            assert self.board.insert(cents)
        self.run(2000)


def test_a_rider_buys_with_buttons_and_coins_alone() -> None:
    rig = Rig()
    assert rig.board.display[-2:] == ["1 Buy a pass", "2 My data  3 Deutsch"]
    rig.board.press(0)
    assert rig.state == "choose"
    rig.board.press(0)
    assert rig.state == "pay" and rig.board.accepting
    rig.pay(100, 200)
    accepting: bool = getattr(rig.board, "accepting")  # noqa: B009 - the checker believes it is still true
    assert rig.state == "ask" and not accepting
    assert "1 No  2 Yes" in rig.board.display
    rig.board.press(1)
    assert rig.state == "issue"
    rig.run(4000)
    assert rig.state == "hand_over"
    ticket = rig.board.take_ticket()
    assert ticket is not None and ticket["choice"] == "research"
    assert parse(ticket["pass_text"].encode()) is not None
    assert (sum(rig.board.box), rig.board.escrow, rig.board.cup) == (300, [], [])
    rig.run(91_000)
    assert rig.state == "start"


def test_no_coin_is_taken_when_nothing_is_to_be_paid() -> None:
    rig = Rig()
    assert not rig.board.insert(100)
    assert rig.board.cup == [100]


def test_the_escrow_waits_for_a_coin_that_is_being_told() -> None:
    rig = Rig()
    rig.device.rider(("choose", "single"))
    assert rig.board.insert(200)
    rig.run(100)
    rig.device.rider(("cancel",))  # amid the pulses
    assert rig.state == "pay" and rig.board.escrow == [200]
    rig.run(2000)
    assert rig.state == "start" and rig.board.take_money() == 200


def test_a_coin_that_is_told_after_the_rider_has_gone_comes_back_too() -> None:
    rig = Rig()
    rig.device.rider(("choose", "single"))
    assert rig.board.insert(200)
    rig.device.rider(("cancel",))  # before the first pulse
    rig.run(2000)
    assert rig.state == "start" and rig.board.take_money() == 200 and rig.board.escrow == []


def test_noise_buys_nothing() -> None:
    rig = Rig()
    rig.device.rider(("choose", "single"))
    for _ in range(50):
        rig.board.noise()
        rig.run(40)
    rig.run(2000)
    screen = rig.device.screen()
    assert screen is not None and screen["paid_cents"] == 0


def test_a_coin_that_the_settings_do_not_know_comes_back() -> None:
    rig = Rig()
    rig.device.rider(("choose", "single"))
    rig.pay(50)
    assert rig.board.take_money() == 50


def run(act: Callable[[], object]) -> None:
    act()


@pytest.mark.parametrize("at_ms", range(0, 9000, 250))
def test_power_goes_at_any_time_of_a_sale(at_ms: int) -> None:
    rig = Rig(buttons=False)
    began = rig.scheduler.now_ms
    script: list[tuple[int, Callable[[], object]]] = [
        (0, lambda: rig.device.rider(("choose", "single"))),
        (100, lambda: rig.board.insert(100)),
        (1500, lambda: rig.board.insert(200)),
        (3500, lambda: rig.device.rider(("answer", True))),
    ]
    for after_ms, act in script:
        if after_ms < at_ms:
            rig.scheduler.at(began + after_ms, partial(run, act))
    rig.run(at_ms)
    rig.device.kill()
    assert rig.device.screen() is None
    rig.run(5000)
    inserted = sum(rig.board.escrow + rig.board.box + rig.board.cup)
    rig.start()
    rig.run(300_000)
    passes = {document["pass_text"] for document in rig.board.tray}
    assert rig.board.escrow == []
    assert (sum(rig.board.box), len(passes)) in ((0, 0), (300, 1))
    assert sum(rig.board.box) + sum(rig.board.cup) == inserted
    assert rig.state == "start"


def test_paper_runs_out_while_printing_and_the_money_comes_back() -> None:
    rig = Rig()
    rig.device.rider(("choose", "single"))
    rig.pay(100, 200)
    rig.device.rider(("answer", False))
    rig.run(300)
    rig.board.paper_out()
    rig.run(60_000)
    assert rig.state == "out_of_order"
    assert (rig.board.take_money(), rig.board.tray, rig.board.box) == (300, [], [])
    rig.board.paper_in()
    assert rig.state == "start"


def test_the_network_goes_and_the_money_comes_back() -> None:
    rig = Rig()
    rig.device.rider(("choose", "day"))
    rig.pay(200, 200, 200, 200)
    assert rig.client is not None
    rig.client.reachable = False
    rig.device.rider(("answer", False))
    rig.run(44_000)
    assert rig.state == "issue" and rig.board.cup == []
    rig.run(3_000)
    assert rig.state == "sorry" and rig.board.take_money() == 800


def test_my_data_with_a_scanner() -> None:
    rig = Rig()
    rig.device.rider(("choose", "single"))
    rig.pay(100, 200)
    rig.device.rider(("answer", True))
    rig.run(4000)
    ticket = rig.board.take_ticket()
    assert ticket is not None
    rig.device.rider(("taken",))
    rig.board.scan(ticket["pass_text"].lower().encode() + b"\r\n")
    rig.run(1000)
    screen = rig.device.screen()
    assert screen is not None and (screen["state"], len(screen["rows"])) == ("my_data", 1)
    rig.device.rider(("withdraw",))
    rig.device.rider(("answer", True))
    rig.run(5000)
    new = rig.board.take_ticket()
    assert new is not None and (new["choice"], new["exchanged"]) == ("none", True)
    assert len(rig.office.spent) == 1


# -- what both boards must do alike


class EmulatedHands:
    """The world's side of the emulated board."""

    def __init__(self, _: Path) -> None:
        self.scheduler = Scheduler(0)
        self.board: Any = EmulatedKioskBoard(self.scheduler, lambda now_ms: MORNING_MS, PULSES, storage=MemoryStorage())

    def pulse(self) -> None:
        self.board.accept_coins(True)
        self.board.insert(10)
        self.scheduler.run_until(self.scheduler.now_ms + 1000)

    def press(self, button: int) -> None:
        self.board.press(button)

    def events(self, count: int) -> list[Any]:
        self.scheduler.run_until(self.scheduler.now_ms + 10_000)
        found: list[Any] = self.board.wait(0)
        assert len(found) == count
        return found

    def accepting(self) -> bool:
        return bool(self.board.accepting)

    def close(self) -> None:
        pass


class PiHands:
    """The world's side of a Raspberry Pi: mock pins, a printer that writes into memory."""

    def __init__(self, folder: Path) -> None:
        self.factory = MockFactory()
        self.printer = Dummy()
        self.board = pi.KioskRaspberryPi(
            str(folder),
            self.printer,
            printer_answers=False,
            pin_factory=self.factory,
            escrow_s=0.01,
            clock=lambda: True,
        )

    def pulse(self) -> None:
        pin = self.factory.pin(pi.COIN_PIN)
        pin.drive_low()
        pin.drive_high()

    def press(self, button: int) -> None:
        pin = self.factory.pin(pi.BUTTON_PINS[button])
        pin.drive_low()
        pin.drive_high()

    def events(self, count: int) -> list[Any]:
        found: list[Any] = []
        until = time.monotonic() + 10
        while len(found) < count and time.monotonic() < until:
            found += self.board.wait(self.board.ticks_ms() + 100)
        assert len(found) == count
        return found

    def accepting(self) -> bool:
        return bool(self.factory.pin(pi.ACCEPT_PIN).state)

    def close(self) -> None:
        self.board.close()


Hands = EmulatedHands | PiHands


@pytest.fixture(params=[EmulatedHands, PiHands])
def hands(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hands]:
    made: Hands = request.param(tmp_path / "flash")
    yield made
    made.close()


def document() -> dict[str, Any]:
    return {
        "kind": "pass",
        "job": 7,
        "language": "de",
        "site": "north",
        "product": "single",
        "choice": "none",
        "exchanged": False,
        "price_cents": 300,
        "currency": "EUR",
        "valid_from": 20400,
        "valid_to": 20429,
        "pass_text": "ABCD" * 119,
        "list_hash": "0123456789abcdef" * 4,
        "notice": "2026-1",
        "receipt": None,
    }


def test_board_a_pulse_is_an_edge_up_and_an_edge_down_in_order(hands: Hands) -> None:
    hands.pulse()
    events = hands.events(2)
    assert [(kind, a) for _, kind, a, _ in events] == [(k.COIN, 1), (k.COIN, 0)]


def test_board_a_button_is_told_by_its_number(hands: Hands) -> None:
    hands.press(2)
    assert [(kind, a, value) for _, kind, a, value in hands.events(2)] == [(k.BUTTON, 2, 1), (k.BUTTON, 2, 0)]


def test_board_the_slot_is_closed_until_it_is_opened(hands: Hands) -> None:
    assert not hands.accepting()
    hands.board.accept_coins(True)
    assert hands.accepting()
    hands.board.accept_coins(False)
    assert not hands.accepting()


def test_board_the_escrow_moves_either_way_and_again(hands: Hands) -> None:
    for where in (k.KEEP, k.RETURN, k.RETURN):
        hands.board.move_escrow(where)


def test_board_printing_is_told_with_its_job(hands: Hands) -> None:
    hands.board.print_document(document())
    ((_, kind, result, job),) = hands.events(1)
    assert (kind, result, job) == (k.PRINTED, k.PRINT_DONE, 7)


def test_board_has_clock_storage_and_randomness(hands: Hands) -> None:
    board = hands.board
    board.storage.write("a", b"secret")
    board.storage.overwrite("a")
    assert board.storage.read("a") == bytes(6)
    assert len(board.random_bytes(32)) == 32 and board.random_bytes(32) != board.random_bytes(32)
    assert board.epoch_ms()[1] is True
    board.show(["one", "two"])


# -- the Raspberry Pi alone


def test_the_right_magnet_is_pulled_and_let_go(tmp_path: Path) -> None:
    hands = PiHands(tmp_path / "flash")
    try:
        for where, pin in ((k.KEEP, pi.KEEP_PIN), (k.RETURN, pi.RETURN_PIN)):
            hands.factory.pin(pin).clear_states()
            hands.board.move_escrow(where)
            hands.factory.pin(pin).assert_states([False, True, False])
    finally:
        hands.close()


def test_a_real_kiosks_storage_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = PiHands(tmp_path / "flash")
    synced: list[int] = []
    monkeypatch.setattr(storage, "_fsync", synced.append)
    try:
        hands.board.storage.write("sale", b"1")
    finally:
        hands.close()
    assert len(synced) == 2  # the file, the folder


def test_a_scanner_on_a_serial_line_is_a_medium(tmp_path: Path) -> None:
    code = tmp_path / "scanner"
    code.write_bytes(b"\r\nABCDEF\r\n")
    with code.open("rb") as scanner:
        board = pi.KioskRaspberryPi(
            str(tmp_path / "flash"), Dummy(), False, scanner=scanner, pin_factory=MockFactory(), clock=lambda: True
        )
        try:
            found: list[Any] = []
            until = time.monotonic() + 10
            while not found and time.monotonic() < until:
                found += board.wait(board.ticks_ms() + 100)
            assert [(kind, a) for _, kind, a, _ in found] == [(b.MEDIUM, b"ABCDEF")]
        finally:
            board.close()


RECEIPT: dict[str, Any] = {
    "version": "KI-CR-v1.1.0",
    "jurisdiction": "unspecified",
    "consentTimestamp": 1754399700,
    "collectionMethod": "kiosk",
    "consentReceiptID": "00112233445566778899aabbccddeeff",
    "language": "en",
    "piiControllers": [{"piiController": "The Study", "contact": "At the desk"}],
    "policyUrl": "/v1/notices/2026-1",
    "services": [
        {
            "service": "Research on fare gates",
            "purposes": [
                {
                    "purpose": "To study gates",
                    "purposeCategory": ["Improve performance"],
                    "consentType": "EXPLICIT",
                    "piiCategory": ["passage", "pseudonym of one day"],
                    "primaryPurpose": True,
                    "termination": "7 days",
                    "thirdPartyDisclosure": False,
                }
            ],
        }
    ],
    "sensitive": False,
    "spiCat": [],
    "iso27560": {
        "schema_version": "ISO/IEC TS 27560:2023",
        "privacy_notice": {"version": "2026-1", "sha256": "ab" * 32},
        "lawful_basis": "consent",
        "pii_information": "which gate",
        "retention_period_days": 7,
        "recipients": "the people of the study",
        "storage_locations": ["the gateway's database"],
        "processing_method": "stored",
        "withdrawal_method": "at a kiosk",
        "privacy_rights": ["access", "erasure", "withdrawal"],
        "event_type": "consent given",
    },
}


def test_the_paper_has_code_list_hash_and_the_receipt_cut_off_before_it() -> None:
    printer = Dummy()
    paper = document() | {"receipt": RECEIPT, "language": "en", "choice": "research"}
    assert escpos_printer.print_document(printer, paper, answers=False) == k.PRINT_DONE
    out = printer.output
    cut = b"\x1dV"
    assert out.count(cut) == 2
    receipt, ticket = out.split(cut)[:2]
    for text in (
        "Consent receipt",
        "KI-CR-v1.1.0",
        "ISO/IEC TS 27560:2023",
        "00112233445566778899aabbccddeeff",
        "7 days",
    ):
        assert text.encode() in receipt, text
    assert b"ABCDABCD" not in receipt
    # GS ( k, function 180: store the symbol's data; 476 characters and three of the function's own.
    assert b"\x1d(k\xdf\x011P0" + b"ABCD" * 119 in ticket
    assert (b"0123456789abcdef" * 4) in ticket
    assert b"2025-11-08" in ticket and b"\x1bt\x13" in out and b"Paid: \xd53.00\n" in ticket  # page 19: 858
    assert b"00112233445566778899aabbccddeeff" not in ticket


class Answering(Dummy):  # type: ignore[misc]
    """A printer that can be read: what it says to each question, in order."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = list(answers)

    def _read(self) -> bytes:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "result", "printed"),
    [
        ((b"\x12", b"\x00"), k.PRINT_DONE, True),
        ((b"\x72",), k.PRINT_NOTHING, False),  # no paper before
        ((b"\x12", b"\x0c"), k.PRINT_FAILED, True),  # no paper afterwards
        ((b"\x12", b""), k.PRINT_FAILED, True),  # no word afterwards
    ],
)
def test_a_printers_word_decides(answers: tuple[bytes, ...], result: int, printed: bool) -> None:
    printer = Answering(*answers)
    assert escpos_printer.print_document(printer, document()) == result
    assert (b"ABCD" * 119 in printer.output) == printed


def test_a_printer_without_paper_is_asked_until_there_is_some(tmp_path: Path) -> None:
    printer = Answering(b"\x72", b"\x72", b"\x12", b"\x12", b"\x12", b"\x12")
    board = pi.KioskRaspberryPi(
        str(tmp_path / "flash"), printer, pin_factory=MockFactory(), clock=lambda: True, paper_s=0.01
    )
    try:
        board.print_document(document())
        found: list[Any] = []
        until = time.monotonic() + 10
        while len(found) < 3 and time.monotonic() < until:
            found += board.wait(board.ticks_ms() + 100)
        assert [(kind, a, value) for _, kind, a, value in found] == [
            (k.FAULT, "printer", 1),
            (k.PRINTED, k.PRINT_NOTHING, 7),
            (k.FAULT, "printer", 0),
        ]
    finally:
        board.close()
