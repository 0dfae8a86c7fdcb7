"""The diagram's file of states and transitions says what the firmware's table says: the gateway may not import it."""

import json
from typing import Any

from firmware.boards import board
from firmware.lane import turnstile
from gateway.web.static_files import FOLDER

ARMS = {board.ARM_LOCKED: "locked", board.ARM_RELEASED: "released", board.ARM_FREE: "free"}
LAMPS = {board.LAMP_WAIT: "wait", board.LAMP_READY: "ready", board.LAMP_GO: "go", board.LAMP_STOP: "stop"}


def shown() -> Any:
    return json.loads((FOLDER / "turnstile.json").read_text(encoding="utf-8"))


def test_the_transitions_are_the_firmware_s() -> None:
    assert shown()["transitions"] == turnstile.TABLE


def test_arm_and_lamp_of_each_state_are_the_firmware_s() -> None:
    expected = {state: (ARMS[arm], LAMPS[lamp]) for state, (arm, lamp, _) in turnstile.OUTPUTS.items()}
    assert {state: (one["arm"], one["lamp"]) for state, one in shown()["states"].items()} == expected
    assert all(one["says"].endswith(".") for one in shown()["states"].values())
