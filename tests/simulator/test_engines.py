"""Compiled engines: the same bytes as the source's, never older than it, and a sentence where they can't be made."""

import json
import os
import pickle
import pickletools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import engines
from simulator.errors import UserError
from simulator.study.execute import Options, execute
from tests.simulator import transcripts
from tests.support import ROOT

NO_COMPILER = shutil.which("cc") is None and shutil.which("gcc") is None

_COMPARE = """
import json, sys
from simulator import clock
from simulator.plant import lane
from simulator.world import traffic
assert all(module.__file__.endswith(".so") for module in (clock, lane, traffic)), "the engines are not compiled"
from tests.simulator import transcripts
print(json.dumps({name: transcripts.transcript(transcripts.spec(name)) for name in transcripts.NAMES}))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(NO_COMPILER, reason="there is no C compiler (on Debian: apt install gcc python3-dev)")
def test_compiled_engines_come_to_the_golden_transcripts(tmp_path: Path) -> None:
    folder = engines.compile_engines()
    assert engines.ready() == folder and not (folder / "build").exists()
    paths = os.pathsep.join((str(folder), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE],
        cwd=tmp_path,  # or Python would look for modules here first
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == transcripts.golden()
    spec = transcripts.spec("whole-metro-day")
    plain = execute(spec, Options(transcript=True, compiled=False))
    assert execute(spec, Options(transcript=True, workers=2)) == plain


@pytest.mark.parametrize("name", transcripts.NAMES)
def test_no_compiled_module_has_data_that_processes_exchange(name: str) -> None:
    # A compiled class can't take the pickled state of its interpreted twin.
    sent = {module for module, _ in globals_of(pickle.dumps(transcripts.spec(name)))}
    assert "simulator.plant.makes" in sent and "simulator.world.population" in sent
    assert sent.isdisjoint(module.removesuffix(".py").replace("/", ".") for module in engines.MODULES)


def globals_of(data: bytes) -> Iterator[tuple[str, str]]:
    """Every (module, name) that a pickle refers to."""
    texts: list[str] = []
    memo: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("SHORT_BINUNICODE", "BINUNICODE"):
            texts.append(str(argument))
        elif opcode.name == "MEMOIZE":
            memo.append(texts[-1] if texts else "")
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo[int(str(argument))])
        elif opcode.name == "STACK_GLOBAL":
            yield texts[-2], texts[-1]


def tree(folder: Path) -> Path:
    """A small source tree in place of ours."""
    for module in engines.MODULES:
        target = folder / module
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("A: int = 1\n")
    (folder / "firmware").mkdir()
    (folder / "firmware" / "gate.py").write_text("B = 2\n")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tree(tmp_path / "root")
    engines.digest.cache_clear()
    monkeypatch.setattr(engines, "_root", lambda: root)
    monkeypatch.setattr(engines, "_home", lambda: tmp_path / "home")
    monkeypatch.setattr(engines, "_compile", lambda folder: None)
    yield root
    engines.digest.cache_clear()


def test_an_edited_source_has_no_engines_until_they_are_made_anew(place: Path) -> None:
    assert engines.ready() is None
    first = engines.compile_engines()
    assert engines.ready() == first and (first / "firmware" / "gate.py").read_text() == "B = 2\n"
    (place / "firmware" / "gate.py").write_text("B = 3\n")
    engines.digest.cache_clear()
    assert engines.ready() is None, "the gates of the old ones are not the gates of the source"
    second = engines.compile_engines()
    assert second != first and engines.ready() == second
    assert not first.exists(), "what belongs to no source is removed"


def test_half_made_engines_are_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(folder: Path) -> None:
        raise UserError("mypyc could not compile the engines")

    monkeypatch.setattr(engines, "_compile", fails)
    with pytest.raises(UserError):
        engines.compile_engines()
    assert engines.ready() is None and list((place.parent / "home").iterdir()) == []


def test_what_is_missing_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="no C compiler: install one"):
        engines.compile_engines()
    monkeypatch.undo()
    monkeypatch.setattr(engines, "_root", lambda: place)
    monkeypatch.setattr(engines, "_mypy_version", lambda: "")
    engines.digest.cache_clear()
    monkeypatch.setattr(engines, "_home", lambda: place.parent / "home")
    with pytest.raises(UserError, match="mypy, which is missing: pip install mypy"):
        engines.compile_engines()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("fatal error: Python.h: No such file", r"Python's headers are missing: install them .*python3-dev"),
        ("something else", "could not compile the engines; it last said:\nsomething else"),
    ],
)
def test_a_compiler_that_fails_is_quoted(
    said: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], returncode=1, stdout="", stderr=said)
    )
    with pytest.raises(UserError, match=sentence):
        engines._compile(tmp_path)


def test_a_place_that_cannot_be_written_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.parent / "home").write_text("a file")
    with pytest.raises(UserError, match=r"Can't write the compiled engines in .*home"):
        engines.compile_engines()


def test_the_path_is_as_before_afterwards(tmp_path: Path) -> None:
    before = list(sys.path)
    with engines.first_on_path(tmp_path):
        assert sys.path[0] == str(tmp_path)
    with engines.first_on_path(None):
        assert sys.path == before
    assert sys.path == before
