"""The wheel alone, in an empty environment: the plugin runs a user's tests, the commands run, and nothing is missing.

The environment gets the wheel, what the wheel declares that it needs, what that needs, and no more: the installed
distributions are linked file by file, so no network is asked and an undeclared dependency is an import that fails. The
user's test is the one that docs/pytest.md shows.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support import ROOT
from tests.test_repository import files

pytestmark = pytest.mark.slow

PACKAGES = ("firmware", "gateway", "pytest_gateline", "simulator")
EXTRA = "pytest"


@dataclass(frozen=True)
class Installed:
    """The wheel's environment; `run` is away from the project and knows nothing of this process's environment."""

    folder: Path
    wheel: Path
    distributions: frozenset[str]

    def run(self, command: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "bin" / command), *words],
            cwd=cwd,
            env={"PATH": os.defpath, "HOME": str(cwd), "LANG": "C.UTF-8", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (info,) = packages.glob("gateline-*.dist-info")
    ours = metadata.Distribution.at(info)
    needed = closure(ours, {EXTRA})
    for name in needed:
        link(metadata.distribution(name), packages)
    for point in ours.entry_points.select(group="console_scripts"):
        script = folder / "venv" / "bin" / point.name
        script.write_text(
            f"#!{folder / 'venv' / 'bin' / 'python'}\n"
            f"import sys\nfrom {point.module} import {point.attr}\nsys.exit({point.attr}())\n"
        )
        script.chmod(0o755)
    return Installed(folder / "venv", wheel, frozenset(needed))


def build(folder: Path) -> Path:
    """The wheel of the files that are, or would be, committed."""
    for path in files():
        copy = folder / "source" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    words = [
        "pip",
        "--disable-pip-version-check",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    command = [sys.executable, "-m", *words, ".", "-w", str(folder)]
    built = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True, timeout=110, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("gateline-*.whl")
    return wheel


def closure(distribution: metadata.Distribution, extras: set[str]) -> set[str]:
    """The names of all that a distribution needs here, by what each declares."""
    found: dict[str, set[str]] = {}
    waiting = [(distribution, frozenset(extras))]
    while waiting:
        present, wanted = waiting.pop()
        for requirement in wants(present, wanted):
            name = requirement.name.lower()
            known = found.get(name)
            if known is not None and requirement.extras <= known:
                continue
            found[name] = (known or set()) | requirement.extras
            waiting.append((metadata.distribution(name), frozenset(requirement.extras)))
    return set(found)


def wants(distribution: metadata.Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    """What it requires on this machine."""
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def link(distribution: metadata.Distribution, packages: Path) -> None:
    """Put the distribution's files into another environment; its scripts are not among them."""
    for path in distribution.files or ():
        source = Path(str(distribution.locate_file(path)))
        if ".." in path.parts or "__pycache__" in path.parts or not source.is_file():
            continue
        target = packages / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to(source.resolve())


def shown_in_docs() -> str:
    """The test that docs/pytest.md shows first."""
    page = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_docs_show_it_in_ten_lines() -> None:
    lines = shown_in_docs().strip().splitlines()
    assert len(lines) == 10 and all(lines)
    for verb in ("send(", "break_beam(", "cut_network(", "records"):
        assert any(verb in line for line in lines), verb


def test_the_shown_test_passes_with_the_wheel_alone(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "test_shown.py").write_text(shown_in_docs())
    (tmp_path / "test_where.py").write_text(
        "import sys\nimport firmware, pytest_gateline, simulator\n\n"
        "def test_where(gate_lane):\n"
        "    for ours in (firmware, pytest_gateline, simulator):\n"
        "        assert ours.__file__.startswith(sys.prefix + '/lib/'), ours.__file__\n"
        f"    assert not [path for path in sys.path if path.startswith({str(ROOT)!r})]\n"
    )
    words = ("-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    ended = installed.run("python", *words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^2 passed in ", ended.stdout, re.MULTILINE), ended.stdout
    assert {"pytest", "pluggy"} <= installed.distributions
    # setuptools is there for python-escpos, which names it among what it needs.
    assert not {"hypothesis", "pytest-timeout", "mypy", "pip"} & installed.distributions


def test_the_commands_run_with_the_wheel_alone(installed: Installed, tmp_path: Path) -> None:
    version = metadata.Distribution.at(next(installed.folder.glob("lib/python*/site-packages/gateline-*"))).version
    said = installed.run("gateline", "--version", cwd=tmp_path)
    assert (said.returncode, said.stdout) == (0, f"gateline {version}\n"), said.stderr
    for words in (
        ("scenario", "new", "mine.toml"),
        ("scenario", "check", "mine.toml"),
        ("scenario", "show", "mine.toml"),
        ("simulate", "mine.toml"),
    ):
        ended = installed.run("gateline", *words, cwd=tmp_path)
        assert ended.returncode == 0 and ended.stdout, (words, ended.stdout, ended.stderr)
    assert (tmp_path / "mine.svg").exists()
    # Without a demand of its own a scenario takes the counts that are in the package.
    (tmp_path / "peak.toml").write_text('[scenario]\nname = "peak"\nduration_min = 5\n[[lane]]\nname = "a"\n')
    counted = installed.run("gateline", "scenario", "check", "peak.toml", cwd=tmp_path)
    assert counted.returncode == 0 and "riders" in counted.stdout, counted.stderr


def test_everything_in_the_packages_is_in_the_wheel(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        there = set(archive.namelist())
    ours = {str(path.relative_to(ROOT)) for path in files() if path.relative_to(ROOT).parts[0] in PACKAGES}
    assert {"simulator/scenario/template.toml", "pytest_gateline/py.typed"} <= ours
    assert any(name.endswith(".html") for name in ours) and any(name.endswith(".csv.gz") for name in ours)
    assert ours <= there, sorted(ours - there)
    tops = {name.split("/")[0] for name in there if ".dist-info/" not in name}
    assert tops == {*PACKAGES, "gateline.py"}
