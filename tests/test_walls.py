"""The walls that import-linter can't hold: which files may touch hardware, sockets and SQL.

import-linter (pyproject.toml) keeps firmware, gateway and simulator apart; here the syntax tree of every file is read
for modules that only one room may import, at the top or inside a function. A planted violation shows that it is found.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT

ROOMS = ("firmware", "gateway", "pytest_gateline", "simulator")


@dataclass(frozen=True)
class Wall:
    """In `room`, `modules` (and what is inside them) may be imported only by files at or below `allowed`."""

    room: str
    modules: frozenset[str]
    allowed: tuple[str, ...]
    why: str


WALLS = (
    Wall(
        "firmware",
        frozenset({"machine", "network", "rp2", "esp", "esp32", "gpiozero", "RPi", "spidev", "serial"}),
        ("firmware/boards", "firmware/drivers"),
        "all else is handed a board",
    ),
    Wall(
        "firmware",
        frozenset({"socket", "usocket", "ssl", "tls", "chumicro_sockets", "chumicro_mqtt"}),
        ("firmware/link", "firmware/boards/emulated.py"),
        "only the link touches sockets; an emulated board has one to its plant",
    ),
    Wall(
        "gateway",
        frozenset({"sqlalchemy", "alembic", "sqlite3", "psycopg"}),
        ("gateway/store",),
        "only the store writes SQL",
    ),
    Wall(
        "simulator",
        frozenset({"sqlalchemy", "alembic", "sqlite3", "psycopg"}),
        (),
        "the simulator talks to the gateway as anyone would",
    ),
)

# fmt: off
IO_MODULES = frozenset({
    "asyncio", "builtins", "ftplib", "http", "httpx", "io", "logging", "multiprocessing", "os", "paho", "pathlib",
    "requests", "select", "shutil", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading",
    "urllib",
})
# fmt: on
IO_CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__", "breakpoint"})


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each absolute import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if called in ("__import__", "importlib.import_module", "import_module"):
                yield node.lineno, str(node.args[0].value)


def sources(root: Path, room: str) -> Iterator[Path]:
    return (path for path in sorted((root / room).rglob("*.py")) if "__pycache__" not in path.parts)


def breaches(root: Path, wall: Wall) -> list[str]:
    """One sentence for each import that `wall` forbids, below `root`."""
    found = []
    for path in sources(root, wall.room):
        place = path.relative_to(root)
        if any(place.is_relative_to(allowed) for allowed in wall.allowed):
            continue
        for line, module in imported(parse(path)):
            if module.split(".")[0] in wall.modules:
                found.append(f"{place}:{line} imports {module}: {wall.why}")
    return found


def regime_breaches(root: Path) -> list[str]:
    """simulator/regimes does no I/O at all: neither modules that could, nor the built-in calls."""
    found = []
    for path in sources(root, "simulator/regimes"):
        tree = parse(path)
        place = path.relative_to(root)
        for line, module in imported(tree):
            if module.split(".")[0] in IO_MODULES:
                found.append(f"{place}:{line} imports {module}: regimes do no I/O")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_CALLS:
                found.append(f"{place}:{node.lineno} calls {node.func.id}: regimes do no I/O")
    return found


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: f"{wall.room}-{min(wall.modules)}")
def test_the_wall_stands(wall: Wall) -> None:
    assert list(sources(ROOT, wall.room)), f"{wall.room} has no files: the wall guards nothing"
    assert breaches(ROOT, wall) == []


def test_regimes_do_no_io() -> None:
    assert regime_breaches(ROOT) == []


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("firmware/lane/turnstile.py", "import machine\n"),
        ("firmware/lane/turnstile.py", "def f():\n    from machine import Pin\n"),
        ("firmware/app.py", "try:\n    import usocket as socket\nexcept ImportError:\n    import socket\n"),
        ("firmware/boards/pico_w.py", "import socket\n"),
        ("firmware/report/outbox.py", "import chumicro_sockets.sockets_factory\n"),
        ("firmware/report/outbox.py", "socket = __import__('socket')\n"),
        ("gateway/api/app.py", "from sqlalchemy import text\n"),
        ("gateway/stores.py", "import sqlite3\n"),
        ("simulator/study/runs.py", "import sqlite3\n"),
    ],
)
def test_a_planted_breach_is_found(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    found = [breach for wall in WALLS for breach in breaches(tmp_path, wall)]
    assert found
    assert all(breach.startswith(f"{name}:") for breach in found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("firmware/boards/pico_w.py", "import machine\nimport network\n"),
        ("firmware/drivers/servo.py", "from machine import PWM\n"),
        ("firmware/boards/emulated.py", "import socket\n"),
        ("firmware/link/mqtt.py", "from chumicro_mqtt import MQTTClient\n"),
        ("gateway/store/tables.py", "from sqlalchemy import Table\n"),
        ("firmware/lane/passage.py", '"""Says import machine in words."""\n# import socket\n'),
    ],
)
def test_what_is_allowed_is_no_breach(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    assert [breach for wall in WALLS for breach in breaches(tmp_path, wall)] == []


@pytest.mark.parametrize("text", ["import pathlib\n", "def f():\n    return open('riders')\n", "print('score')\n"])
def test_planted_io_in_a_regime_is_found(tmp_path: Path, text: str) -> None:
    write(tmp_path, "simulator/regimes/points.py", text)
    assert len(regime_breaches(tmp_path)) == 1


def test_the_front_door_is_all_that_sees_both_sides() -> None:
    for room in ROOMS:
        for path in sources(ROOT, room):
            tops = {module.split(".")[0] for _, module in imported(parse(path))} & {
                *ROOMS,
                "gateline",
                "tests",
                "bench",
            }
            allowed = {
                "simulator": {"simulator", "firmware"},
                "pytest_gateline": {"pytest_gateline", "simulator"},
            }.get(room, {room})
            assert tops <= allowed, f"{path.relative_to(ROOT)} imports {sorted(tops - allowed)}"
