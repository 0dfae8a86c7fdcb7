"""A board's durable storage against a model of a disk: what would be there if the power went at this very moment.

The model is the weakest that POSIX allows: a file's bytes are kept as they were at its last fsync, a folder's entries
as they were at the folder's. Whatever the kiosk asks the gateway for, or moves, must find nothing that only memory
holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.boards import storage as module
from firmware.boards.storage import FileStorage
from tests.firmware.fakes import MORNING_MS
from tests.firmware.kiosk_fakes import Keys
from tests.firmware.kiosk_world import DAY, World, buy

KEYS = Keys(DAY)


class Disk:
    """What is durable of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes: dict[int, bytes] = {}
        self._entries: dict[str, int] = {}
        self.syncs = 0

    def fsync(self, number: int) -> None:
        self.syncs += 1
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        if path == self._folder:
            self._entries = {one.name: one.stat().st_ino for one in path.iterdir()}
        elif path.parent == self._folder:
            self._bytes[path.stat().st_ino] = path.read_bytes()

    def after_power_cut(self) -> dict[str, bytes]:
        return {name: self._bytes.get(inode, b"") for name, inode in self._entries.items()}

    def now(self) -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in self._folder.iterdir()}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("This system has no /proc: which file an fsync is for cannot be told.")
    folder = tmp_path / "kiosk"
    folder.mkdir()
    made = Disk(folder)
    monkeypatch.setattr(module, "_fsync", made.fsync)
    yield made


def test_every_change_is_on_the_disk_when_the_call_returns(disk: Disk, tmp_path: Path) -> None:
    storage = FileStorage(str(tmp_path / "kiosk"), durable=True)

    def same(*names: str) -> None:
        assert disk.after_power_cut() == disk.now() and sorted(disk.now()) == sorted(names)

    storage.write("a", b"1")
    same("a")
    storage.write("a", b"other")
    same("a")
    storage.append("b", b"line\n")
    same("a", "b")
    storage.append("b", b"line\n")
    assert disk.now()["b"] == b"line\nline\n"
    same("a", "b")
    storage.overwrite("a")
    assert disk.now()["a"] == bytes(5)
    same("a", "b")
    storage.remove("a")
    same("b")


def test_a_board_whose_power_is_emulated_waits_for_no_disk(disk: Disk, tmp_path: Path) -> None:
    storage = FileStorage(str(tmp_path / "kiosk"))
    storage.write("a", b"1")
    storage.append("b", b"2\n")
    storage.remove("a")
    assert disk.syncs == 0
    storage.overwrite("b")  # what is secret is overwritten on the disk in any case
    assert disk.syncs == 1


class Checked:
    """World's points: before each effect and each message, all must be on the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.unsynced = 0
        self.passed = 0

    def pass_by(self) -> None:
        self.passed += 1
        self.unsynced += self._disk.after_power_cut() != self._disk.now()


@pytest.mark.parametrize("durable", [True, False])
def test_nothing_is_asked_for_or_moved_before_the_disk_has_what_it_rests_on(
    disk: Disk, tmp_path: Path, durable: bool
) -> None:
    world = World(KEYS)
    points: Any = Checked(disk)
    world.points = points
    storage: Any = FileStorage(str(tmp_path / "kiosk"), durable=durable)
    world.storage = storage
    world.boot()
    at_question: list[bool] = []
    real = world.office.sign

    def sign(effect: tuple[Any, ...]) -> tuple[Any, ...]:
        survives = disk.after_power_cut()
        at_question.append(survives == disk.now() and {"sale", "sale-secret", "sale-number"} <= set(survives))
        return real(effect)

    world.office.sign = sign  # type: ignore[method-assign]
    buy(world)
    world.wait(60000)
    world.tell("show", world.passes()[0])
    world.tell("withdraw")
    world.tell("answer", True)
    world.wait(60000)
    assert len(world.passes()) == 2 and len(world.office.spent) == 1 and world.epoch_ms > MORNING_MS
    assert points.passed > 20
    assert (at_question, points.unsynced == 0) == ([durable, durable], durable)
