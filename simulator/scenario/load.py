"""Reading a scenario file: TOML in, a checked `Scenario` out, or all that is wrong with it at once.

An error says file, line, key, what was given and what is allowed. Does not belong here: what the keys mean (models.py).
"""

import difflib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from simulator.errors import UserError
from simulator.plant import arm as arms
from simulator.scenario import models
from simulator.scenario.lines import Path as KeyPath
from simulator.scenario.lines import key_lines, line_of
from simulator.scenario.models import Scenario
from simulator.world import behaviours as b

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
        text = data.decode()
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
    scenario, problems = check(values, key_lines(text))
    if problems or scenario is None:
        raise ScenarioError(file, problems)
    return scenario


def check(values: dict[str, Any], lines: dict[KeyPath, int]) -> tuple[Scenario | None, list[Problem]]:
    """The scenario that these values make, and all that is wrong with them; `lines` says where each stands."""
    problems: list[Problem] = []
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(values)
    except ValidationError as error:
        problems = [_problem(dict(each), lines) for each in error.errors()]
    found = list(_behaviour_problems(values.get("behaviour"), values)) + list(_cross_problems(values))
    problems += [Problem(line_of(path, lines), _dotted(path), text) for path, text in found]
    return scenario, problems


def _dotted(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: Any) -> str:
    """What was given, as it would be written, and not too long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        text = repr(value)
    return text if len(text) <= _GIVEN_MAX else text[: _GIVEN_MAX - 1] + "…"


def _problem(error: dict[str, Any], lines: dict[KeyPath, int]) -> Problem:
    path: KeyPath = tuple(error["loc"])
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return Problem(line_of(path, lines), _dotted(path), _unknown(str(path[-1]), _keys_at(path[:-1])))
    if error["type"] == "missing":
        return Problem(line_of(path, lines), _dotted(path), "is missing")
    if error["type"] == "value_error":
        return Problem(line_of(path, lines), _dotted(path), str(context["error"]))
    wanted = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    if error["type"] == "string_pattern_mismatch":
        wanted = "1 to 32 of a-z, 0-9 and -, not beginning with -"
    return Problem(line_of(path, lines), _dotted(path), f"{_shown(error['input'])} was given; allowed is {wanted}")


def _unknown(name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"there is no such key; {hint}Allowed here: {', '.join(allowed)}"


def _keys_at(path: KeyPath) -> list[str]:
    """The keys that the table at `path` may have."""
    model: Any = Scenario
    for part in path:
        if isinstance(part, int) or not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        if part not in model.model_fields:
            continue
        annotation: Any = model.model_fields[str(part)].annotation
        while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            inner = [one for one in get_args(annotation) if one is not type(None) and one is not Ellipsis]
            if not inner:
                break
            annotation = inner[-1]
        model = annotation
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


Found = Iterator[tuple[KeyPath, str]]


def _behaviour_problems(tables: Any, values: dict[str, Any]) -> Found:
    if not isinstance(tables, dict):
        return
    total = 0.0
    for name, table in tables.items():
        path: KeyPath = ("behaviour", name)
        if name not in b.ALL:
            yield path, _unknown(name, [*b.ALL])
            continue
        if not isinstance(table, dict):
            continue  # the model says so
        kind = b.ALL[name]
        allowed = {item.name: item for item in fields(kind)}
        wrong = False
        for key, value in table.items():
            if key not in allowed:
                yield (*path, key), _unknown(key, [*allowed])
                wrong = True
            elif (problem := _number_problem(value, allowed[key].default)) is not None:
                yield (*path, key), f"{_shown(value)} was given; allowed is {problem}"
                wrong = True
        if wrong:
            continue
        try:
            total += models.make_behaviour(name, table).share
        except ValueError as error:
            yield path, str(error)
        stopped = _impossible(name, values)
        if stopped is not None and table.get("share", 0):
            yield path, stopped
    if total > 1.0 + 1e-9:
        yield ("behaviour",), f"the shares of behaviours add up to {total:g}; they must not be more than 1"


def _number_problem(value: Any, default: Any) -> str | None:
    def number(one: Any) -> bool:
        return isinstance(one, int | float) and not isinstance(one, bool) and one == one and abs(one) != float("inf")

    if isinstance(default, tuple):
        if not (isinstance(value, list) and len(value) == 2 and all(number(one) and one >= 0 for one in value)):
            return f"two numbers, not below 0, the smaller first, such as {list(default)}"
        if isinstance(default[0], int) and not all(isinstance(one, int) for one in value):
            return f"two whole numbers such as {list(default)}"
        return None
    if not number(value) or value < 0:
        return "a number, not below 0"
    return None


def _impossible(name: str, values: dict[str, Any]) -> str | None:
    """A behaviour that no lane of this scenario lets anybody do."""
    lanes, own = values.get("lane"), values.get("arm")
    if not isinstance(lanes, list) or not all(isinstance(lane, dict) for lane in lanes):
        return None
    if name == b.Backcock.name:
        made = {key: table.get("kind") for key, table in own.items() if isinstance(table, dict)} if own else {}
        kinds = {made.get(lane.get("arm", "paddle"), lane.get("arm", "paddle")) for lane in lanes}
        if "tripod" not in kinds:
            return 'only a tripod can be turned back; give a lane arm = "tripod" or leave this behaviour out'
    if name == b.EnterThroughExit.name:
        ways = {lane.get("way", "entry") for lane in lanes}
        if len(ways) == 1:
            return "somebody can go against a lane only where lanes lead both ways; add one with the other way"
    return None


def _cross_problems(values: dict[str, Any]) -> Found:
    """What one part says of another that isn't there."""
    lanes = values.get("lane")
    if not isinstance(lanes, list):
        return
    lanes = [lane for lane in lanes if isinstance(lane, dict)]
    own = values.get("arm") if isinstance(values.get("arm"), dict) else {}
    makes = [*arms.KINDS, *(own or {})]
    beams: dict[str, int] = {}
    for n, lane in enumerate(lanes):
        make = lane.get("arm", "paddle")
        if isinstance(make, str) and make not in makes:
            close = difflib.get_close_matches(make, makes, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            yield (
                ("lane", n, "arm"),
                f"{_shown(make)} is no arm; {hint}Known: {', '.join(makes)}, or an [arm.{make}] table",
            )
        try:
            part = models.LanePart.model_validate(lane)
        except ValidationError:
            continue  # said already
        beams.update(dict.fromkeys(part.names, len(part.places)))
    if len(beams) < len(lanes):
        return
    for table in ("fault", "fault_rate"):
        faults = values.get(table)
        for n, fault in enumerate(faults if isinstance(faults, list) else []):
            lane = fault.get("lane") if isinstance(fault, dict) else None
            if not isinstance(lane, str):
                continue
            if lane not in beams:
                yield (table, n, "lane"), f"there is no lane {_shown(lane)}; the lanes are {', '.join(beams)}"
            elif isinstance(fault.get("beam"), int) and fault["beam"] >= beams[lane]:
                last = beams[lane] - 1
                yield (table, n, "beam"), f"lane {lane} has no beam {fault['beam']}; its beams are 0 to {last}"
    demand = values.get("demand")
    if isinstance(demand, dict) and demand.get("station") == models.ALL_STATIONS and len(lanes) != 1:
        text = 'with station = "all" one [[lane]] is the pattern of all lanes of all stations; give exactly one'
        yield ("demand", "station"), text
