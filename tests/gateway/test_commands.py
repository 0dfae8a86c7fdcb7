"""The commands and the embedded gateway, with real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from gateway.embedded import EmbeddedGateway
from gateway.errors import UserError
from gateway.store.database import FILE_NAME, Database
from gateway.store.directory import Directory
from gateway.store.facts import read_facts
from tests.gateway.support import Peer, batch, passage, sealed, tally
from tests.support import ROOT, RealProcess, wait_until

pytestmark = pytest.mark.slow


def gateway(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *(str(word) for word in words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL)


def add(
    data: Path, device: str, site: str = "majestic", site_class: str = "emulated"
) -> subprocess.CompletedProcess[str]:
    return gateway("device", "add", device, "--site", site, "--site-class", site_class, "--data", data, "--json")


def gateline(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "gateline.py", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL)


def test_reading_commands_make_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for command in ("show", "audit"):
        for name, words in (("typo", "is not there"), ("file", "is a file"), ("", "has no gateway's data in it")):
            done = gateline("passes", command, "--data", str(tmp_path / name))
            assert done.returncode == 2 and words in done.stderr and done.stdout == ""
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert add(tmp_path / "data", "gate-1").returncode == 0
    done = gateline("passes", "audit", "--data", str(tmp_path / "data"))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"spent_again": 0})


def one_sentence(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == "" and "Traceback" not in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
    for part in parts:
        assert part in ended.stderr


def test_device_add(tmp_path: Path) -> None:
    added = add(tmp_path, "gate-1")
    assert added.returncode == 0, added.stderr
    settings = json.loads(added.stdout)
    assert set(settings) == {"site", "device", "class", "key", "broker", "report", "passes"}
    assert len(bytes.fromhex(settings["key"])) == 32
    assert json.loads(add(tmp_path, "gate-2").stdout)["key"] != settings["key"]
    one_sentence(add(tmp_path, "gate-1"), "gate-1 already")
    one_sentence(add(tmp_path, "gate-1", site="depot"), "unique over all sites")
    one_sentence(add(tmp_path, "Gate 1"), "'Gate 1'", "lower-case")
    one_sentence(add(tmp_path, "simulator"), "simulator")
    one_sentence(add(tmp_path, "door-1", site_class="physical"), "is emulated")
    one_sentence(add(tmp_path, "door-1", site="depot", site_class="toy"), "emulated, physical")
    late = ("device", "add", "door-1", "--site", "depot", "--site-class", "physical", "--day-start-ms", "60000")
    one_sentence(gateway(*late, "--data", tmp_path), "--day-start-ms", "multiple of 900000")


def add_fleet(data: Path, name: str, count: str, out: Path, *others: str) -> subprocess.CompletedProcess[str]:
    site = ("--site", "lab", "--site-class", "emulated", "--broker", "broker.example:1884")
    return gateway("device", "add", name, *site, "--count", count, "--out", out, "--data", data, *others)


def test_device_add_count(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "fleet.jsonl"
    added = add_fleet(data, "gate", "30", out)
    assert (added.returncode, added.stdout) == (0, ""), added.stderr
    assert "30 devices, gate-1 to gate-30" in added.stderr and str(out) in added.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    settings = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["device"] for one in settings] == [f"gate-{n}" for n in range(1, 31)]
    assert set(settings[0]) == {"site", "device", "class", "key", "broker", "report", "passes"}
    assert (settings[0]["broker"]["host"], settings[0]["broker"]["port"]) == ("broker.example", 1884)
    assert len({one["key"] for one in settings}) == len({one["broker"]["password"] for one in settings}) == 30
    assert not any(one["key"] in added.stderr for one in settings)
    # All of them, and with these keys, are what the gateway knows.
    database = Database(data)
    known = {row.device: (row.key.hex(), row.broker_password) for row in Directory(database).devices()}
    database.close()
    assert known == {one["device"]: (one["key"], one["broker"]["password"]) for one in settings}


def test_a_fleet_that_cannot_be_added_whole_is_not_added(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "fleet.jsonl"
    assert add(data, "gate-7", site="lab").returncode == 0
    one_sentence(add_fleet(data, "gate", "10", out), "gate-7 already", "choose another than gate")
    assert not out.exists()
    assert add_fleet(data, "door", "2", out).returncode == 0
    kept = out.read_bytes()
    one_sentence(add_fleet(data, "flap", "2", out), str(out), "is there already", "may hold keys")
    assert out.read_bytes() == kept
    one_sentence(add_fleet(data, "flap", "2", tmp_path / "no" / "file"), "cannot be written", "--out")
    one_sentence(add_fleet(data, "a-name-that-is-as-long-as-it-can", "1", tmp_path / "long"), "at most 32")
    one_sentence(add_fleet(data, "flap", "2", tmp_path / "json", "--json"), "--json prints one")
    alone = ("device", "add", "flap", "--site", "lab", "--site-class", "emulated", "--data", data)
    one_sentence(gateway(*alone, "--count", "2"), "--count and --out go together")
    one_sentence(gateway(*alone, "--out", tmp_path / "alone"), "--count and --out go together")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "fleet.jsonl"]
    database = Database(data)
    assert {row.device for row in Directory(database).devices()} == {"gate-7", "door-1", "door-2"}
    database.close()


def test_what_the_user_can_mend_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        one_sentence(gateway("run", "--data", tmp_path / "a", "--http-port", port), port, "--http-port")
        one_sentence(
            gateway("run", "--data", tmp_path / "b", "--http-port", "0", "--mqtt-port", port), port, "--mqtt-port"
        )
    (tmp_path / "file").write_text("")
    one_sentence(gateway("run", "--data", tmp_path / "file", "--http-port", "0", "--mqtt-port", "0"), "--data")
    one_sentence(gateway("run", "--data", tmp_path / "c", "--broker", "nowhere"), "HOST:PORT")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_run_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-m", "gateway", "run", "--data", str(tmp_path), "--json-ready"]
    command += ["--http-port", "0", "--mqtt-port", "0"]
    with RealProcess(command, name="gateway") as process:
        ready = json.loads(process.wait_for_line(r"^\{").string)
        assert httpx.get(ready["http"] + "/v1/health").json()["status"] in ("ok", "degraded")
        one_sentence(gateway("run", "--data", tmp_path, "--http-port", "0"), "Another gateway", str(tmp_path))
        with httpx.stream("GET", ready["http"] + "/v1/live"):
            os.kill(process.pid, ending)
            assert process.wait() == 0
        assert "Traceback" not in "\n".join(process.lines())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ready["mqtt"])) != 0, "the broker has ended too"


def serving(data: Path) -> RealProcess:
    command = [sys.executable, "-m", "gateway", "run", "--data", str(data), "--json-ready"]
    return RealProcess([*command, "--http-port", "0", "--mqtt-port", "0"], name="gateway")


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_without_its_data_directory_it_confirms_nothing_and_ends(tmp_path: Path, how: str) -> None:
    data = tmp_path / "data"
    settings = json.loads(add(data, "gate-1").stdout)
    with serving(data) as process:
        settings["broker"]["port"] = json.loads(process.wait_for_line(r"^\{").string)["mqtt"]
        peer = Peer(settings)
        peer.send_until_stored([passage(0)], 0, 1, 1)
        if how == "deleted":
            shutil.rmtree(data)
        else:
            data.rename(tmp_path / "elsewhere")
        peer.mqtt.publish(peer.topic("event"), sealed(batch([passage(1)], 1), peer.key, peer.topic("event")), 1)
        assert process.wait() == 1
        peer.close()
        said = "\n".join(process.lines())
    assert (1, 2) not in peer.stored
    assert said.count("was deleted, moved or replaced") == 1 and "Traceback" not in said, said
    assert not data.exists()


def test_it_starts_again_over_the_greatest_tallies(tmp_path: Path) -> None:
    settings = json.loads(add(tmp_path, "gate-1").stdout)
    million = 1_000_000
    most = tally(entries=million, exits=million, paid=million, free=million, declined=million)
    for first in (0, 64):
        with serving(tmp_path) as process:
            settings["broker"]["port"] = json.loads(process.wait_for_line(r"^\{").string)["mqtt"]
            peer = Peer(settings)
            peer.send_until_stored([most] * 64, first, 1, first + 64)
            peer.close()
    assert read_facts(tmp_path)["tallied"]["gate-1"]["entries"] == 128 * million


def test_a_database_damaged_inside_is_one_sentence(tmp_path: Path) -> None:
    assert add(tmp_path, "gate-1").returncode == 0
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xa5" * 4096)
    one_sentence(gateway("run", "--data", tmp_path, "--http-port", "0", "--mqtt-port", "0"), "damaged", FILE_NAME)
    one_sentence(add(tmp_path, "gate-2"), "damaged", FILE_NAME)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedGateway]:
    running = EmbeddedGateway(tmp_path / "data")
    yield running
    running.stop()


def test_the_embedded_gateway_survives_kills(embedded: EmbeddedGateway, tmp_path: Path) -> None:
    settings = embedded.provision("demo", ["gate-1"])
    assert set(settings) == {"gate-1", "simulator"}
    broker = embedded.start_broker()
    url = embedded.start_gateway()
    peer = Peer(settings["gate-1"])
    peer.send_until_stored([passage(0)], 0, 1, 1)
    assert embedded.gateway_pid is not None and embedded.broker_pid is not None
    os.kill(embedded.gateway_pid, signal.SIGKILL)
    peer.send([passage(0), passage(1)], 0)
    assert embedded.restart_gateway() == url
    peer.send_until_stored([passage(0), passage(1)], 0, 1, 2)
    os.kill(embedded.broker_pid, signal.SIGKILL)
    assert embedded.restart_broker() == broker
    wait_until(peer.mqtt.is_connected, "the device is back")
    peer.send_until_stored([passage(1)], 1, 1, 2)
    peer.close()
    facts = embedded.facts()
    assert (facts["stored"], facts["duplicates_stored"], facts["gaps"], facts["quarantine"]) == (2, 0, 0, {})
    assert embedded.provision("demo", ["gate-1"]) == settings
    second = EmbeddedGateway(tmp_path / "data")
    second.provision("demo", ["gate-1"])
    with pytest.raises(UserError, match="Another Gateline"):
        second.start_broker()
    with pytest.raises(UserError, match="Another gateway works on"):
        second.start_gateway()
    second.stop()


def test_neither_process_outlives_the_one_that_started_them(tmp_path: Path) -> None:
    script = (
        "import sys, threading; from pathlib import Path; from gateway.embedded import EmbeddedGateway as E\n"
        "e = E(Path(sys.argv[1])); e.provision('demo', []); e.start_broker(); e.start_gateway()\n"
        "print('pids', e.gateway_pid, e.broker_pid, flush=True); threading.Event().wait()"
    )
    with RealProcess([sys.executable, "-c", script, tmp_path / "data"], name="owner") as owner:
        pids = [int(pid) for pid in owner.wait_for_line(r"^pids", timeout_s=50).string.split()[1:]]
        os.kill(owner.pid, signal.SIGKILL)
        for pid in pids:
            wait_until(partial(_gone, pid), f"process {pid} has ended")


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"
