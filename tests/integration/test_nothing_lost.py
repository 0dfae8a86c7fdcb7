"""Nothing is lost and nothing counted twice, whatever is killed: real processes, 100 unconfirmed records or more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.devices.process import micropython_available
from tests.integration.harness import Whole, pause, sigkill
from tests.support import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not micropython_available(), reason="there is no MicroPython wheel for this processor"),
]

UNCONFIRMED = 100

MakeWhole = Callable[[int, int], Whole]


@pytest.fixture
def make_whole(tmp_path: Path) -> Iterator[MakeWhole]:
    made: list[Whole] = []

    def make(lanes: int, speed: int) -> Whole:
        whole = Whole(tmp_path, lanes, speed)
        made.append(whole)
        whole.start()
        return whole

    yield make
    for whole in made:
        whole.close()


@contextmanager
def _many_in_flight(whole: Whole) -> Iterator[None]:
    """The stream is flowing, then the database is locked until at least 100 records are unconfirmed, and meanwhile.

    They are everywhere: in the devices' outboxes, at the broker, in the gateway's own hands.
    """
    _await_stream(whole, 50)
    with whole.database_locked():
        whole.pile_up(UNCONFIRMED)
        assert whole.unconfirmed() >= UNCONFIRMED
        yield


def _the(pid: int | None) -> int:
    assert pid is not None
    return pid


def _await_stream(whole: Whole, records: int) -> None:
    stored = whole.facts()["stored"]
    wait_until(lambda: whole.facts()["stored"] >= stored + records, "the stream is flowing", timeout_s=60)


def _kill_and_await_boot(whole: Whole, device: str) -> None:
    boots = whole.lane(device).boots
    sigkill(whole.device_pid(device))
    wait_until(lambda: whole.lane(device).boots > boots, f"{device} has booted again")


def test_gateway_killed_in_mid_stream(make_whole: MakeWhole) -> None:
    whole = make_whole(8, 10)
    with _many_in_flight(whole):
        sigkill(_the(whole.backend.gateway_pid))
    whole.backend.restart_gateway()
    whole.settle()
    whole.assert_exact()


def test_gateway_killed_again_and_again(make_whole: MakeWhole) -> None:
    """At whatever moment it happens to be: between commit and acknowledgement, while starting, while idle."""
    whole = make_whole(8, 10)
    for _ in range(6):
        _await_stream(whole, 20)
        sigkill(_the(whole.backend.gateway_pid))
        whole.backend.restart_gateway()
    whole.settle()
    whole.assert_exact()


def test_broker_killed(make_whole: MakeWhole) -> None:
    """It forgets everything, retained messages and subscriptions included."""
    whole = make_whole(8, 10)
    with _many_in_flight(whole):
        sigkill(_the(whole.backend.broker_pid))
    whole.backend.restart_broker()
    whole.settle()
    whole.assert_exact()


def test_device_killed_with_its_outbox_on_disk(make_whole: MakeWhole) -> None:
    whole = make_whole(2, 20)
    _await_stream(whole, 5)
    with whole.database_locked():
        wait_until(lambda: whole.unconfirmed("gate-1") >= UNCONFIRMED, "100 unconfirmed at one device", timeout_s=90)
        # Whoever is in the lane when the power goes is a case of its own, below; here the records are the matter.
        whole.empty_the_lanes()
        assert whole.unconfirmed("gate-1") >= UNCONFIRMED
        sigkill(whole.device_pid("gate-1"))
        wait_until(lambda: whole.lane("gate-1").boots == 2, "the device has booted again")
    whole.settle()
    whole.assert_exact()
    # No rider came after the boot, so nothing that is counted waited for it.
    wait_until(
        lambda: {boot for device, boot in whole.facts()["watermarks"] if device == "gate-1"} == {1, 2},
        "what it had to say after the boot is stored, too",
    )
    whole.assert_exact()


def test_device_killed_with_riders_in_the_lane(make_whole: MakeWhole) -> None:
    """A rider whose last edge the dying device did not take is `unobserved`; it may have taken it all the same."""
    whole = make_whole(4, 10)
    for _ in range(3):
        _await_stream(whole, 5)
        _kill_and_await_boot(whole, "gate-2")
    whole.settle()
    whole.assert_exact()
    assert whole.station.outcomes()["unobserved"] <= 3


def test_database_locked_for_ten_seconds(make_whole: MakeWhole) -> None:
    whole = make_whole(8, 10)
    _await_stream(whole, 50)
    with whole.database_locked():
        pause(10)
        assert whole.unconfirmed() >= UNCONFIRMED
    whole.settle()
    whole.assert_exact()


def test_all_of_them_at_once(make_whole: MakeWhole) -> None:
    whole = make_whole(8, 10)
    with _many_in_flight(whole):
        whole.empty_the_lanes()
        devices = [whole.device_pid(name) for name in whole.station.lanes]
        for pid in (_the(whole.backend.gateway_pid), _the(whole.backend.broker_pid), *devices):
            sigkill(pid)
    whole.backend.restart_broker()
    whole.backend.restart_gateway()
    whole.settle()
    whole.assert_exact()
