"""The fleet's parts without a broker: the wire that can be cut, limits, storage, and the command's sentences."""

import io
import json
import re
import resource
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

import gateline
from simulator.clock import Scheduler
from simulator.errors import UserError
from simulator.fleet import fleet as fleets
from simulator.fleet.device import Counts, FleetDevice, first_boot
from simulator.fleet.network import Connector, Endpoint, Wire, look_up
from simulator.fleet.summary import Summary
from simulator.fleet.view import screen, summary_table
from simulator.locked import locked_folder
from simulator.pacing import Source
from simulator.plant import faults
from tests.simulator.test_fleet_settings import device
from tests.support import free_port, wait_until

EPOCH_MS = 1_754_400_000_000


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The command takes SIGINT and SIGTERM for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


# --- the wire


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def state(connector: Connector) -> str:
    """After another look at it."""
    connector.tick(0)
    return connector.state


def endpoint(listener: socket.socket) -> Endpoint:
    return look_up("127.0.0.1", listener.getsockname()[1])


def test_a_wire_connects_and_a_cut_is_seen_at_both_ends(listener: socket.socket) -> None:
    wire = Wire(endpoint(listener))
    connector = wire.connect()
    wait_until(lambda: state(connector) == "ready", "connected")
    sock = connector.socket
    assert sock is not None
    far, _ = listener.accept()
    with far, sock:
        wire.cut()
        far.settimeout(5)
        assert far.recv(1) == b"" and sock.recv(1) == b""
        with pytest.raises(OSError, match="unreachable"):
            wire.connect()
        wire.mend()
        again = wire.connect()
        wait_until(lambda: state(again) == "ready", "connected again")
        assert again.socket is not None
        again.socket.close()


def test_a_cut_ends_an_attempt(listener: socket.socket) -> None:
    wire = Wire(endpoint(listener))
    connector = wire.connect()
    wire.cut()
    assert state(connector) == "failed" and connector.socket is None and connector.io_interest(0) == 0


def test_nobody_there_is_a_failed_attempt() -> None:
    connector = Wire(look_up("127.0.0.1", free_port())).connect()
    wait_until(lambda: state(connector) == "failed", "refused")
    assert "refused" in str(connector.last_error)


def test_a_wire_works_beyond_the_descriptors_of_select(listener: socket.socket) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this user may not have 1,200 open files in a process")
    fleets.raise_file_limit(1100)
    held = [socket.socket() for _ in range(1050)]
    try:
        connector = Wire(endpoint(listener)).connect()
        wait_until(lambda: state(connector) != "awaiting_tcp", "an end of the attempt")
        assert connector.state == "ready" and connector.socket is not None
        assert connector.socket.fileno() >= 1024
        with pytest.raises(ValueError, match="select"):
            select.select([connector.socket], [], [], 0)
        connector.socket.close()
    finally:
        for one in held:
            one.close()


def test_a_host_that_nobody_knows() -> None:
    with pytest.raises(UserError, match=r"host no-such-host\.invalid can't be found"):
        look_up("no-such-host.invalid", 1883)


# --- the device, on virtual time, with nobody at the other end


class Owner:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def touch(self, source: Source) -> None:
        pass

    def link_changed(self, connected: bool) -> None:
        pass

    def faulted(self, what: str) -> None:
        self.faults.append(what)


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[tuple[Scheduler, FleetDevice, Owner]]:
    scheduler, owner = Scheduler(), Owner()
    where = look_up("127.0.0.1", free_port())
    one = FleetDevice(scheduler, device("gate-1"), lambda t: EPOCH_MS + t, where, tmp_path / "flash", 7, owner)
    yield scheduler, one, owner
    one.close()


def up(one: FleetDevice) -> tuple[bool, bool]:
    """Power and network."""
    return one.plant.powered, one.wire.up


def counted(one: FleetDevice) -> tuple[int, int, int]:
    counts = Counts()
    one.count(counts)
    return counts.records, counts.confirmed, counts.unconfirmed


def test_power_cuts_keep_what_the_storage_holds(lone: tuple[Scheduler, FleetDevice, Owner]) -> None:
    scheduler, one, owner = lone
    one.power_on()
    assert counted(one) == (1, 0, 1)  # the boot's notice
    one.fault(faults.POWER_CUT, 0, True)
    assert up(one) == (False, True) and counted(one) == (1, 0, 1)
    scheduler.run_until(1000)
    one.fault(faults.POWER_CUT, 0, False)
    assert up(one) == (True, True) and counted(one) == (2, 0, 2)
    gate = one.device.gate
    assert gate is not None
    gate.outbox.confirm(gate.boot - 1, 1)
    assert counted(one) == (2, 1, 1)
    one.fault(faults.POWER_CUT, 0, True)
    one.fault(faults.POWER_CUT, 0, False)
    assert counted(one) == (3, 1, 2) and owner.faults == [faults.POWER_CUT] * 2


def test_what_an_earlier_run_left_is_counted_and_sent(tmp_path: Path) -> None:
    where = look_up("127.0.0.1", free_port())
    for boots in (1, 2):
        one = FleetDevice(Scheduler(), device("gate-1"), lambda t: EPOCH_MS + t, where, tmp_path / "flash", 7, Owner())
        one.power_on()
        assert counted(one) == (boots, 0, boots)
        one.close()


def test_at_the_end_faults_are_mended_and_none_begins(lone: tuple[Scheduler, FleetDevice, Owner]) -> None:
    _, one, owner = lone
    one.power_on()
    one.fault(faults.NETWORK_CUT, 0, True)
    one.fault(faults.POWER_CUT, 0, True)
    one.end_faults()
    assert up(one) == (True, True)
    one.fault(faults.NETWORK_CUT, 0, True)
    one.fault(faults.POWER_CUT, 0, False)
    assert up(one) == (True, True)
    assert owner.faults == [faults.NETWORK_CUT, faults.POWER_CUT]
    with pytest.raises(ValueError, match="power_cut and network_cut"):
        one.fault(faults.ARM_JAMMED, 0, False)


def test_new_storage_begins_above_what_the_gateway_has_had(lone: tuple[Scheduler, FleetDevice, Owner]) -> None:
    _, one, _ = lone
    one.power_on()
    gate = one.device.gate
    assert gate is not None and gate.boot == first_boot(EPOCH_MS) + 1
    assert first_boot(EPOCH_MS) < 10**8, "eight digits, as the outbox's file names have them"
    assert first_boot(EPOCH_MS + 10_000) == first_boot(EPOCH_MS) + 1


def test_storage_belongs_to_a_name_and_a_key(tmp_path: Path) -> None:
    one, other = device("gate-1"), device("gate-1", key="00" * 32)
    assert fleets.storage_folder(tmp_path, one) != fleets.storage_folder(tmp_path, other)
    assert one["key"] not in str(fleets.storage_folder(tmp_path, one))


# --- limits and verdicts


def test_too_many_devices_for_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this system has no limit of open files")
    with pytest.raises(UserError, match=f"needs {hard + 65} open files, and this user may have {hard}"):
        fleets.raise_file_limit(hard + 1)


def test_rates_become_a_plan() -> None:
    assert fleets.Load().faults() == faults.Faults()
    planned = fleets.Load(network_cuts=12, network_cut_s=6).faults()
    assert planned.rates == (faults.Rate(faults.NETWORK_CUT, 1 / 12, 0.1),)


def summary(**others: object) -> Summary:
    values: dict[str, object] = dict.fromkeys(Summary.__dataclass_fields__, 0)
    return Summary(**{**values, "devices": 2, "connected": 2, "truth": {}, "faults": {}, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({}, "The gateway has confirmed everything."),
        ({"unconfirmed": 3}, "3 records are not confirmed."),
        ({"connected": 1}, "At most 1 of 2 devices were connected at a time."),
        ({"stranded": 4, "dropped": 5}, "4 riders never got through, 5 records were dropped by full outboxes."),
    ],
)
def test_the_verdict(others: dict[str, object], sentence: str) -> None:
    found = summary(**others)
    assert found.verdict() == sentence and found.clean is (not others)
    assert json.loads(found.json())["devices"] == 2


def test_what_a_terminal_shows() -> None:
    look = fleets.Look(1000, 998, 1234, Counts(records=500, confirmed=490), {"network_cut": 3, "power_cut": 0}, 7)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(screen(look, broker="h:1883", clock_s=5, note="Riders come."))
    console.print(summary_table(summary(unconfirmed=2, faults={"network_cut": 3})))
    text = console.export_text()
    for part in (
        "998   of 1,000 devices",
        "1,234   riders",
        "490   confirmed",
        "10   in flight",
        "7   ms late",
        "h:1883",
    ):
        assert re.sub(" +", " ", part) in re.sub(" +", " ", text), part
    assert "3 network cuts" in text and "2 records are not confirmed." in text


# --- the command


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        gateline.main(["fleet", *(str(word) for word in words)])
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.out, said.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    port = free_port()
    broker = {"host": "127.0.0.1", "port": port, "user": "u", "password": "p"}
    path = tmp_path / "fleet.jsonl"
    path.write_text("".join(json.dumps(device(f"gate-{n}", broker=broker)) + "\n" for n in (1, 2)))
    return path


def test_sentences_of_the_command(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "FIRST_CONTACT_S", 0.5)
    own = ("--settings", file, "--data", tmp_path / "data")
    (tmp_path / "nul").write_bytes(b"\xff")
    for words, what in (
        (("--settings", tmp_path / "none"), "make such a file with gateline device add gate --count 1000"),
        (("--settings", tmp_path), "can't be read"),
        (("--settings", tmp_path / "nul"), "can't be read"),
        ((*own, "--devices", "3"), "has 2 devices, and --devices asks for 3"),
        ((*own, "--broker", "mqtts://h"), "mqtts:// is not spoken here"),
        ((*own, "--broker", "no-such-host.invalid:1"), "can't be found"),
        ((*own, "--truth", file), "is there already"),
        ((*own, "--truth", tmp_path / "no" / "folder"), "Choose another with --truth"),
        (("--settings", file, "--data", file), "Can't write in the data folder"),
        (own, "gate-1 could not connect to the broker at 127.0.0.1:"),
    ):
        status, out, err = run(capsys, *words, "--json")
        assert (status, out) == (2, ""), err
        assert what in err and "Traceback" not in err, err
        assert err.count("\n") == 1, err


def test_a_broker_that_says_no_is_quoted(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker only hangs up; others say what is wrong."""
    monkeypatch.setattr(fleets, "FIRST_CONTACT_S", 1.0)
    truth = tmp_path / "truth.jsonl"

    def refuse(listening: socket.socket) -> None:
        with suppress(OSError):  # until the test closes it
            while True:
                far, _ = listening.accept()
                with far:
                    far.recv(1024)
                    far.sendall(b"\x20\x02\x00\x05")  # CONNACK: not authorized
                    far.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = threading.Thread(target=refuse, args=(listening,), daemon=True)
        answering.start()
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        words = ("--settings", file, "--data", tmp_path / "data", "--broker", where, "--truth", truth, "--json")
        status, out, err = run(capsys, *words)
        listening.shutdown(socket.SHUT_RDWR)
    answering.join()
    assert (status, out) == (2, "")
    assert f"The broker at {where} refuses gate-1" in err and "not authorized" in err
    assert not truth.exists(), "nobody came, so there is nothing to tell"


def test_one_fleet_at_a_time(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked_folder(tmp_path / "data", "fleet"):
        status, _, err = run(capsys, "--settings", file, "--data", tmp_path / "data")
    assert status == 2 and "Another fleet is using" in err
