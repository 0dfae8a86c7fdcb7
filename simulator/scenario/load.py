"""Reading a scenario file: TOML in, a checked `Scenario` out, or all that is wrong with it at once.

An error says file, line, key, what was given and what is allowed. What no single table can know – whether a lane that a
fault names is there, whether the counts have such a station – is looked at here, by cross.py's rules. Does not belong
here: what the keys mean (models.py).
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.errors import UserError
from simulator.scenario import allowed, cross
from simulator.scenario.lines import Path as KeyPath
from simulator.scenario.lines import key_lines, line_of
from simulator.scenario.models import Scenario, Wrong

_GIVEN_MAX = 60
_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    line: int
    key: str
    text: str


class ScenarioError(UserError):
    """Everything that is wrong with one file."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.key))
        super().__init__("\n".join(f"{file}:{each.line}: {_sentence(each)}" for each in self.problems))


def _sentence(problem: Problem) -> str:
    return f"{problem.key}: {problem.text}" if problem.key else problem.text


def load(file: Path) -> Scenario:
    """The scenario in that file; raises UserError for a file that can't be read and ScenarioError for a wrong one."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"There is no scenario file {file}. `gateline scenario new {file}` makes one.") from None
    except IsADirectoryError:
        raise UserError(f"{file} is a folder; name a scenario file in it.") from None
    except OSError as error:
        raise UserError(f"Can't read the scenario file {file}: {error.strerror}.") from error
    if len(data) > _BYTES_MAX:
        raise UserError(f"{file} is {len(data)} bytes long; a scenario file has at most {_BYTES_MAX}.")
    try:
        text = data.decode("utf-8-sig")  # some editors begin every file with a mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(file, [Problem(line, "", "this is not UTF-8 text; save the file as UTF-8")]) from None
    return parse(text, file)


def parse(text: str, file: Path) -> Scenario:
    """The scenario in that text; `file` is for messages."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        line = text.count("\n") + 1
        if "(at line " in message:
            message, _, where = message.partition(" (at line ")
            line = int(where.split(",")[0])
        raise ScenarioError(file, [Problem(line, "", f"this is not TOML: {message}")]) from None
    except ValueError as error:  # a whole number of thousands of digits
        raise ScenarioError(file, [Problem(1, "", f"a value in it can't be read: {error}")]) from None
    except RecursionError:
        raise ScenarioError(file, [Problem(1, "", "this is nested too deeply for a scenario")]) from None
    try:
        scenario, problems = check(values, key_lines(text), file.parent)
    except RecursionError:
        raise ScenarioError(file, [Problem(1, "", "this is nested too deeply for a scenario")]) from None
    if problems or scenario is None:
        raise ScenarioError(file, problems)
    return scenario


def check(values: dict[str, Any], lines: dict[KeyPath, int], folder: Path) -> tuple[Scenario | None, list[Problem]]:
    """The scenario that these values make, and all that is wrong with them; `lines` says where each stands.

    `folder` is where the files lie that they name.
    """
    problems: list[Problem] = []
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(values)
    except ValidationError as error:
        problems = [_problem(dict(each), lines) for each in error.errors()]
    found = cross.problems(values, folder)
    problems += [Problem(line_of(path, lines), _dotted(path), text) for path, text in found]
    return scenario, problems


def _dotted(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _problem(error: dict[str, Any], lines: dict[KeyPath, int]) -> Problem:
    path: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
    given, kind = cross.shown(error["input"]), error["type"]
    if kind == "extra_forbidden":
        model = allowed.model_of(_annotation(path[:-1]))
        text = cross.unknown("key", str(path[-1]), [] if model is None else sorted(model.model_fields))
    elif kind == "missing":
        text = f"is missing; needed is {allowed.words(_annotation(path))}"
    elif kind == "string_pattern_mismatch":
        text = f"{given} was given; allowed is {allowed.NAMES}"
    elif kind == "value_error":
        wrong = error["ctx"]["error"]
        if isinstance(wrong, Wrong):  # found in a whole table, but one key of it is to blame
            path, text = (*path, *wrong.key), str(wrong)
        else:
            text = f"{given} was given; allowed is {wrong}"
    else:
        text = f"{given} was given; allowed is {allowed.words(_annotation(path))}"
        if isinstance(error["input"], dict) and len(path) == 1:
            text = f"one [{path[0]}] table was given; allowed are [[{path[0]}]] tables, with two brackets"
    return Problem(line_of(path, lines), _dotted(path), text)


def _annotation(path: KeyPath) -> Any:
    """How the value at `path` is declared."""
    found: Any = Scenario
    for part in path:
        model = allowed.model_of(found)
        if isinstance(part, int) and model is None:
            continue  # one of two numbers: what both must be is said
        if isinstance(part, int):
            found = model  # an element of a list of tables
        elif model is not None and part in model.model_fields:
            found = model.model_fields[part].rebuild_annotation()
        else:
            found = model  # a table with a name of its own, such as [arm.mine]
    return found
