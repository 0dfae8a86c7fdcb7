"""The front door: it joins the groups lazily, says its version, and turns a UserError into one sentence and status 2.

What the commands do is tested beside them; nothing here starts a gateway or a demo.
"""

import subprocess
import sys
import tomllib

import pytest
import typer

import gateline
from gateway.errors import UserError as GatewayError
from simulator.errors import UserError as SimulatorError
from tests.support import ROOT, python_command


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command(ROOT / "gateline.py", *words), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def raising(error: Exception) -> gateline.Join:
    def join(app: typer.Typer) -> None:
        @app.command("fail")
        def fail() -> None:
            raise error

        @app.command("other")
        def other() -> None:
            pass

    return join


def status_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        gateline.main(words)
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.out, said.err


def test_it_says_its_version_without_importing_either_side() -> None:
    script = (
        "import sys, gateline\n"
        "try:\n    gateline.main(['--version'])\n"
        "finally:\n    assert not {'gateway', 'simulator', 'firmware'} & set(sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, f"gateline {gateline.__version__}\n"), ended.stderr


@pytest.mark.parametrize(
    "error", [GatewayError("The port 1883 is taken."), SimulatorError("There is no such station.")]
)
def test_a_user_error_is_one_sentence_and_status_2(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gateline, "GROUPS", {"fail": raising(error)})
    assert status_of(["fail"], capsys) == (2, "", f"gateline: {error}\n")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateline, "GROUPS", {"fail": raising(ZeroDivisionError("a bug"))})
    with pytest.raises(ZeroDivisionError):
        gateline.main(["fail"])


def test_only_the_named_group_is_joined() -> None:
    joined: list[str] = []
    groups: dict[str, gateline.Join] = {name: lambda _, name=name: joined.append(name) for name in ("one", "two")}  # type: ignore[misc]
    gateline.build(["two", "one"], groups)
    assert joined == ["two"]


@pytest.mark.parametrize("words", [[], ["--help"], ["no-such-thing"]])
def test_help_and_slips_see_every_group(words: list[str]) -> None:
    joined: list[str] = []
    groups: dict[str, gateline.Join] = {name: lambda _, name=name: joined.append(name) for name in ("one", "two")}  # type: ignore[misc]
    gateline.build(words, groups)
    assert joined == ["one", "two"]


def test_help_lists_every_group() -> None:
    ended = run("--help")
    assert ended.returncode == 0, ended.stderr
    for name in gateline.GROUPS:
        assert name in ended.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    ended = run("no-such-command")
    assert ended.returncode == 2
    assert "no-such-command" in ended.stderr


@pytest.mark.parametrize("name", gateline.GROUPS)
def test_every_group_explains_itself(name: str) -> None:
    ended = run(name, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "Usage: gateline" in ended.stdout


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"gateline": "gateline:main"}
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "gateline.__version__"}
