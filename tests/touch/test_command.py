"""`gateline kiosk`: what a user can mend is one sentence and status 2; two kiosks never share a ledger."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from firmware.kiosk.touch import server
from firmware.kiosk.touch.command import kiosk_command, only_one, read_settings
from firmware.kiosk.touch.errors import UserError

SETTINGS: dict[str, Any] = {"device": "kiosk-1", "kiosk": {"gateway": "http://127.0.0.1:8080"}}


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("no kiosk may be made")


def write(folder: Path, content: str) -> Path:
    path = folder / "kiosk-1.json"
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no settings file"),
        ("{", "is not JSON"),
        ("[]", "is no kiosk's settings"),
        ('{"kiosk":3}', "kiosk"),
        ('{"site":"lab","device":"gate-1","key":"00"}', "a gate's settings.*--kind kiosk"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "absent.json" if content is None else write(tmp_path, content)
    with pytest.raises(UserError, match=says):
        read_settings(path, None)


def test_the_gateway_on_the_command_line_wins(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(SETTINGS))
    assert read_settings(path, None) == SETTINGS
    assert read_settings(path, "http://127.0.0.1:9/")["kiosk"] == {"gateway": "http://127.0.0.1:9"}


def test_one_kiosk_on_one_storage(tmp_path: Path) -> None:
    with only_one(tmp_path / "data"), pytest.raises(UserError, match=r"running on .* already"):
        only_one(tmp_path / "data")
    only_one(tmp_path / "data").close()


def test_a_storage_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--data"):
        only_one(tmp_path / "file")


def test_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind((server.HOST, 0))
        taken.listen()
        with pytest.raises(UserError, match=r"cannot be used .* --port"):
            server.listen(taken.getsockname()[1])


def test_an_unknown_board(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="emulated or raspberry-pi"):
        kiosk_command(never)(settings=write(tmp_path, "{}"), board="toaster")


def test_wrong_settings_name_the_file_and_the_setting(tmp_path: Path) -> None:
    from simulator.kiosk.paced import PacedKiosk

    path = write(tmp_path, json.dumps(SETTINGS | {"site": "linnhafen", "class": "emulated"}))
    with pytest.raises(UserError, match=r"kiosk-1\.json: settings: key must be"):
        kiosk_command(PacedKiosk)(settings=path, port=0, board="emulated", data=tmp_path / "data")
