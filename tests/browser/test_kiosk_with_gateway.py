"""The whole kiosk with the real gateway: keys over MQTT, a blind signature, the notice, my data, an exchange."""

import base64
import json
from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.test_kiosk_page import TRACES, shows
from tests.browser.test_kiosk_walk import SCREEN, buy, press, show_data
from tests.conftest import StartProcess
from tests.support import ROOT, free_port, python_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_buy_see_and_withdraw(tmp_path: Path, start_process: StartProcess, open_page: OpenPage) -> None:
    gateline, data, http, mqtt = ROOT / "gateline.py", tmp_path / "gateway", free_port(), free_port()
    settings = tmp_path / "kiosk-1.json"
    made = start_process(
        python_command(
            gateline, "device", "add", "kiosk-1", "--site", "lab", "--site-class", "emulated", "--kind", "kiosk",
            "--data", data, "--json", "--broker", f"127.0.0.1:{mqtt}", "--gateway", f"http://127.0.0.1:{http}",
        )
    )  # fmt: skip
    assert made.wait(timeout_s=60) == 0, made.lines()
    settings.write_text(next(line for line in made.lines() if line.startswith("{")))
    prices = json.loads(settings.read_text())["kiosk"]["prices"]
    assert set(prices) == {"single", "day"}
    values = json.loads(settings.read_text())
    values["kiosk"]["prices"] = {"single": 250, "day": 700}
    settings.write_text(json.dumps(values))
    kiosk = start_process(
        python_command(gateline, "kiosk", settings, "--port", "0", "--data", tmp_path / "kiosk", "--json-ready"),
        name="gateline kiosk",
    )
    url = json.loads(kiosk.wait_for_line(r'^\{"http"', timeout_s=60).string)["http"]
    page = open_page(url, viewport=SCREEN)
    # Nobody has told it any keys yet.
    shows(page, "out_of_order")
    gateway = start_process(
        python_command(
            gateline, "gateway", "run", "--data", data, "--http-port", str(http), "--mqtt-port", str(mqtt),
            "--json-ready",
        ),
        name="gateline gateway run",
    )  # fmt: skip
    gateway.wait_for_line(r'^\{"http"', timeout_s=60)
    shows(page, "start")
    old = buy(page, "day", "yes")
    assert page.page.locator("#receipt").count() == 1
    press(page, "taken", "start")
    show_data(page, old)
    page.until("() => document.getElementById('heading').textContent === 'Nothing is recorded under this pass'")
    press(page, "withdraw", "withdraw")
    press(page, "yes", "hand_over")
    page.until("() => document.getElementById('qr-text') !== null")
    new = str(page.page.text_content("#qr-text"))
    assert len(new) == 476 and new != old
    press(page, "taken", "start")
    for pass_text in (old, new):
        assert pass_text not in page.page.evaluate(TRACES)
    nonces = [base64.b32decode(text + "=" * (-len(text) % 8))[9:41] for text in (old, new)]
    files = [path for path in data.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite3" or b"SQLite format 3" in path.read_bytes()[:16] for path in files)
    for path in files:
        # The gateway has never seen a nonce: in no form is one in any of its files.
        content = path.read_bytes()
        for nonce in nonces:
            assert nonce not in content and nonce.hex().encode() not in content.lower(), path
            assert base64.b64encode(nonce)[:40] not in content, path
        assert old[16:60].encode() not in content and new[16:60].encode() not in content, path
