"""A rider at the kiosk, in a real browser: the page, the command, the engine and its emulated hardware are all real.

The office (tests/touch/office.py) stands in for the gateway, so that each thing can be made to fail; the walk with the
real gateway, its database and a gate is tests/integration's.
"""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenPage, Watched
from tests.browser.test_kiosk_page import TRACES, focused, shows
from tests.conftest import StartProcess
from tests.support import ROOT, RealProcess, free_port, python_command, wait_until
from tests.touch.office import KEY, Office
from tests.touch.screens import ROWS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DAY_MS = 86_400_000
SCREEN = {"width": 1600, "height": 900}
TIMEOUTS_MS = 60_000


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    made = Office(int(time.time() * 1000) // DAY_MS)
    made.start()
    yield made
    made.stop()


class Kiosk:
    """`gateline kiosk` as a process, and a browser before it."""

    def __init__(self, office: Office, folder: Path, start: StartProcess, **kiosk: Any) -> None:
        self.office = office
        self._folder = folder / "kiosk"
        self._folder.mkdir()
        (self._folder / "keys").write_bytes(office.key_list())
        self._settings = folder / "kiosk-1.json"
        timeouts = dict.fromkeys(("choose", "pay", "ask", "hand_over", "my_data", "erase", "sorry"), TIMEOUTS_MS)
        values = {
            "site": "linnhafen",
            "device": "kiosk-1",
            "class": "emulated",
            "key": KEY.hex(),
            "broker": None,
            "passes": {"list_key": office.list_key},
            "kiosk": {"prices": {"single": 250, "day": 700}, "timeouts": timeouts, "pause_ms": 500, **kiosk},
        }
        self._settings.write_text(json.dumps(values))
        self._port = free_port()
        self._start = start
        self.process = self.run()
        self.url = f"http://127.0.0.1:{self._port}/"

    def run(self) -> RealProcess:
        """Start the process and wait until its page is served."""
        process = self._start(
            python_command(
                ROOT / "gateline.py",
                "kiosk",
                self._settings,
                "--gateway",
                f"http://127.0.0.1:{self.office._port}",
                "--port",
                str(self._port),
                "--data",
                self._folder,
                "--json-ready",
            ),
            name="gateline kiosk",
        )
        process.wait_for_line(r'^\{"http"', timeout_s=60)
        return process


@pytest.fixture
def kiosk(office: Office, tmp_path: Path, start_process: StartProcess) -> Kiosk:
    office.away = False
    office.rows = []
    return Kiosk(office, tmp_path, start_process)


def arrive(kiosk: Kiosk, open_page: OpenPage) -> Watched:
    page = open_page(kiosk.url, viewport=SCREEN, permissions=["clipboard-read", "clipboard-write"])
    shows(page, "start")
    return page


def press(page: Watched, button: str, then: str) -> None:
    """Press until the screen is another: a press may come too early to count."""

    def gone() -> bool:
        if page.page.locator(f".scene-{then}").count() or not page.page.locator(f"#{button}").count():
            return True
        page.page.evaluate("(id) => document.getElementById(id)?.click()", button)
        return bool(page.page.locator(f".scene-{then}").count())

    wait_until(gone, f"{then} after {button}", poll_s=0.2)
    shows(page, then)


def pay(page: Watched, *coins: str) -> None:
    for coin in coins:
        page.page.click(f".coin:text-is('{coin}')")


def buy(page: Watched, product: str, answer: str) -> str:
    """Buy a pass; its text, as it lies in the tray."""
    press(page, "buy", "choose")
    press(page, f"choose-{product}", "pay")
    pay(page, *({"single": ["2 €", "50 c"], "day": ["2 €", "2 €", "2 €", "1 €"]}[product]))
    shows(page, "ask")
    focused(page, "heading")
    press(page, answer, "hand_over")
    page.until("() => document.getElementById('qr-text') !== null")
    return str(page.page.text_content("#qr-text"))


def show_data(page: Watched, pass_text: str) -> None:
    press(page, "my-data", "my_data")
    focused(page, "pass")
    # As a scanner does it: it types, and presses Enter.
    page.page.keyboard.type(pass_text)
    page.page.keyboard.press("Enter")


@pytest.mark.parametrize(("answer", "choice"), [("no", "none"), ("yes", "research")])
def test_buy(kiosk: Kiosk, open_page: OpenPage, answer: str, choice: str) -> None:
    page = arrive(kiosk, open_page)
    pass_text = buy(page, "single", answer)
    assert len(pass_text) == 476
    assert kiosk.office.choice_of(pass_text) == choice
    assert (page.page.locator("#receipt").count() == 1) == (choice == "research")
    page.page.click("#take-ticket")
    shows(page, "start")
    assert page.page.evaluate("navigator.clipboard.readText()") == pass_text, "taking it copies its text"
    assert pass_text not in page.page.evaluate(TRACES)
    page.page.reload()
    shows(page, "start")
    assert pass_text not in page.page.evaluate(TRACES)
    assert page.complaints == []


def test_money_comes_back(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)
    press(page, "buy", "choose")
    press(page, "choose-single", "pay")
    pay(page, "1 €")
    page.until("() => document.getElementById('missing').textContent === '€1.50'")
    press(page, "cancel", "start")
    page.until("() => document.getElementById('take-money')?.textContent === 'Take €1.00'")
    page.page.click("#take-money")
    page.until("() => document.getElementById('take-money') === null")


def test_too_much_money_comes_back_with_a_reason(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)
    press(page, "buy", "choose")
    press(page, "choose-single", "pay")
    pay(page, "2 €", "2 €")
    page.until("() => document.querySelector('.scene-pay .bad')?.textContent.includes('gives no change')")
    assert page.page.text_content("#missing") == "€2.50"


def test_see_erase_and_withdraw(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)
    old = buy(page, "day", "yes")
    press(page, "taken", "start")
    kiosk.office.rows = list(ROWS)
    show_data(page, old)
    page.until("() => document.querySelectorAll('.rows li').length === 2")
    assert old not in page.page.evaluate(TRACES) and old not in "".join(page.requests)
    assert kiosk.office.asked_tokens and all(len(token) == 64 for token in kiosk.office.asked_tokens)
    press(page, "erase", "erase")
    press(page, "no", "my_data")
    assert len(kiosk.office.rows) == 2, "no erases nothing"
    press(page, "erase", "erase")
    press(page, "yes", "my_data")
    page.until("() => document.getElementById('heading').textContent === 'It is erased'")
    assert kiosk.office.rows == []
    kiosk.office.rows = list(ROWS)
    press(page, "cancel", "start")
    show_data(page, old)
    page.until("() => document.querySelectorAll('.rows li').length === 2")
    press(page, "withdraw", "withdraw")
    press(page, "yes", "hand_over")
    page.until("() => document.getElementById('qr-text') !== null")
    new = str(page.page.text_content("#qr-text"))
    assert kiosk.office.choice_of(new) == "none" and new != old
    assert len(kiosk.office.exchanged) == 1 and kiosk.office.rows == []


def test_what_is_no_pass_is_said_to_be_none(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)
    show_data(page, "HELLO")
    page.until("() => document.querySelector('.scene-my_data .bad')?.textContent.includes('not the code')")


def test_time_runs_out_without_a_trace(
    office: Office, tmp_path: Path, start_process: StartProcess, open_page: OpenPage
) -> None:
    office.away = False
    page = arrive(Kiosk(office, tmp_path, start_process, timeouts={"hand_over": 2500, "ask": 60_000}), open_page)
    pass_text = buy(page, "single", "yes")
    shows(page, "start")
    page.until("() => document.getElementById('qr-text') === null")
    assert pass_text not in page.page.evaluate(TRACES)
    page.page.reload()
    shows(page, "start")
    assert pass_text not in page.page.evaluate(TRACES)


def test_the_next_rider_begins_in_the_first_language(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)
    page.page.click("button[lang=de]")
    page.until("() => document.getElementById('heading').textContent === 'Guten Tag. Was möchten Sie tun?'")
    press(page, "buy", "choose")
    assert page.page.inner_text("#heading") == "Welches Ticket?"
    press(page, "cancel", "start")
    page.until("() => document.documentElement.lang === 'en'")


def test_bought_with_the_keyboard_alone(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)

    def tab_to(wanted: str) -> None:
        for _ in range(20):
            if page.page.evaluate("document.activeElement.id") == wanted:
                return
            page.page.keyboard.press("Tab")
        raise AssertionError(f"{wanted} is not reached by Tab")

    for button, then in (("buy", "choose"), ("choose-single", "pay")):
        focused(page, "heading")
        tab_to(button)
        page.page.keyboard.press("Enter")
        shows(page, then)
    pay(page, "2 €", "50 c")
    shows(page, "ask")
    focused(page, "heading")
    tab_to("no")

    def answered() -> bool:
        page.page.keyboard.press("Enter")
        return not page.page.locator(".scene-ask").count()

    wait_until(answered, "the answer", poll_s=0.2)
    shows(page, "hand_over")
    focused(page, "heading")
    tab_to("taken")
    page.page.keyboard.press("Space")
    shows(page, "start")


def test_an_office_away_is_out_of_order_and_recovers(
    office: Office, tmp_path: Path, start_process: StartProcess, open_page: OpenPage
) -> None:
    office.away = False
    kiosk = Kiosk(office, tmp_path, start_process, answer_ms=1000, issue_ms=3000, timeouts={"sorry": 1000})
    page = arrive(kiosk, open_page)
    press(page, "buy", "choose")
    press(page, "choose-single", "pay")
    pay(page, "2 €", "50 c")
    shows(page, "ask")
    office.away = True
    press(page, "no", "sorry")
    page.until("() => document.getElementById('take-money')?.textContent === 'Take €2.50'")
    office.away = False
    shows(page, "start")


def test_the_page_survives_a_kill_and_the_pass_comes(kiosk: Kiosk, open_page: OpenPage) -> None:
    page = arrive(kiosk, open_page)
    press(page, "buy", "choose")
    kiosk.process.send(signal.SIGKILL)
    page.until("() => getComputedStyle(document.getElementById('lost')).display !== 'none'")
    assert page.page.locator("#rider *").count() == 0, "nothing of the last rider stays on a dead screen"
    kiosk.run()
    shows(page, "start")
    page.until("() => getComputedStyle(document.getElementById('lost')).display === 'none'")
    assert len(buy(page, "single", "no")) == 476


def test_two_browsers_are_one_screen(kiosk: Kiosk, open_page: OpenPage) -> None:
    first, second = arrive(kiosk, open_page), arrive(kiosk, open_page)
    press(first, "buy", "choose")
    shows(second, "choose")
    press(second, "cancel", "start")
    shows(first, "start")
