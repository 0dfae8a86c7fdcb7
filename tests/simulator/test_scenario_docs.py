"""docs/scenarios.md and docs/scorecard.md say what the code does: every key and its range, every column, every term."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import gateline
from simulator.plant.makes import KINDS
from simulator.scenario import allowed, cross
from simulator.scenario.models import Scenario
from simulator.study import join, parquet
from simulator.study.rows import Crossing, Edge, Verdict
from simulator.study.scorecard import Scorecard, Tally
from simulator.world import behaviours as b
from tests.simulator.transcripts import SHIPPED
from tests.support import ROOT

SCENARIOS_PAGE = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
SCORECARD_PAGE = (ROOT / "docs" / "scorecard.md").read_text(encoding="utf-8")


def default_of(field: FieldInfo) -> str:
    """A default as it would be written in a file; – where leaving it out says something that no value says."""
    if field.is_required():
        return "required"
    value = field.default
    if value is None or isinstance(value, BaseModel | tuple | dict):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """The row of every key below a table, as far as the meaning."""
    found = []
    for name, field in model.model_fields.items():
        annotation = field.rebuild_annotation()
        inner = allowed.model_of(annotation)
        if inner is not None:
            own = ".NAME" if name == "arm" and not prefix else ""
            found += keys(inner, f"{prefix}{name}{own}.")
        elif name != "behaviour":
            found.append(f"| `{prefix}{name}` | {allowed.words(annotation)} | {default_of(field)} |")
    return found


def parameters() -> list[str]:
    found = []
    for name, kind in b.ALL.items():
        for item in fields(kind):
            if item.name != "share":
                value: Any = list(item.default) if isinstance(item.default, tuple) else item.default
                words = cross.parameter_words(item.name, item.default)
                found.append(f"| `{name}` | `{item.name}` | {words} | `{value}` |")
    return found


def test_every_key_of_a_scenario_is_in_the_document_with_its_range_and_default() -> None:
    rows = keys(Scenario)
    assert len(rows) > 70
    assert [row for row in rows if row not in SCENARIOS_PAGE] == []


def test_the_document_has_no_key_that_a_scenario_has_not() -> None:
    known = {row.split("`")[1] for row in keys(Scenario)}
    listed = re.findall(
        r"^\| `((?:scenario|demand|population|arm|lane|fault|fault_rate|event|report)\.[A-Za-z_.]+)` \|",
        SCENARIOS_PAGE,
        re.MULTILINE,
    )
    assert sorted(listed) == sorted(known)


def test_every_behaviour_and_parameter_is_in_the_document() -> None:
    assert [row for row in parameters() if row not in SCENARIOS_PAGE] == []
    assert [name for name in b.ALL if f"| `{name}` |" not in SCENARIOS_PAGE] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_is_introduced(name: str) -> None:
    assert f"[`{name}`](../scenarios/{name}.toml)" in SCENARIOS_PAGE


def shown_lines(page: str, first: str) -> list[str]:
    """The block of a page that begins with that line."""
    (block,) = [block for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if block.startswith(first)]
    return [line for line in block.splitlines() if line]


def printed_lines(file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        gateline.main(["simulate", str(file)])
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_what_the_hobbyists_lane_is_shown_to_say_it_really_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["new", str(tmp_path / "my.toml")], ["show", str(tmp_path / "my.toml")]):
        with pytest.raises(SystemExit):
            gateline.main(["scenario", *words])
    capsys.readouterr()
    printed = printed_lines(tmp_path / "my.toml", capsys, monkeypatch)
    shown = shown_lines(SCENARIOS_PAGE, "my-lane")
    assert len(shown) > 10 and [line for line in shown if line not in printed] == []
    picture = (ROOT / "docs" / "screenshots" / "three-beams.svg").read_text(encoding="utf-8")
    assert (tmp_path / "my.svg").read_text(encoding="utf-8") == picture, "renew it with `gateline scenario show`"
    beams = SCENARIOS_PAGE[SCENARIOS_PAGE.index("beams = [") :].split("]")[0]
    assert beams in (tmp_path / "my.toml").read_text(encoding="utf-8")


def test_what_the_evening_peak_is_shown_to_say_it_really_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = printed_lines(ROOT / "scenarios" / "evening-peak.toml", capsys, monkeypatch)
    shown = shown_lines((ROOT / "README.md").read_text(encoding="utf-8"), "evening-peak")
    assert len(shown) > 10 and [line for line in shown if line not in printed] == []


def test_the_makes_of_arms_are_as_the_code_has_them() -> None:
    for name, kind in KINDS.items():
        clearance = f"{kind.clearance_mm / 1000:g}"
        row = f"| `{name}` | {kind.opening_ms} | {kind.closing_ms} | {kind.height_mm / 1000:g} | {clearance} |"
        assert row in SCENARIOS_PAGE, row


def test_every_column_of_every_table_is_described() -> None:
    for table, row in (
        (parquet.TRUTH, Crossing),
        (parquet.RECORDS, Verdict),
        (parquet.JOINED, join.Joined),
        (parquet.EDGES, Edge),
    ):
        start = SCORECARD_PAGE.index(f"### `{table}.parquet`")
        end = SCORECARD_PAGE.find("\n##", start + 1)
        listed = re.findall(r"^\| `(\w+)` \|", SCORECARD_PAGE[start:end], re.MULTILINE)
        assert listed == list(row._fields), table


def test_every_term_is_explained() -> None:
    terms = (join.AGREED, join.TRUE, join.MISSED, join.UNSEEN, join.FALSE, join.REPEATED, join.PHANTOM, join.SPURIOUS)
    for term in terms:
        assert f"| `{term}` |" in SCORECARD_PAGE, term
    for what in sorted(join.ACCUSATIONS):
        assert f"`{what}`" in SCORECARD_PAGE, what
    for outcome in b.OUTCOMES:
        assert f"| `{outcome}` |" in SCORECARD_PAGE, outcome
    assert f"{join.SLACK_MS} ms" in SCORECARD_PAGE


def test_every_member_of_the_json_is_explained() -> None:
    members = [*Scorecard((Tally(),)).to_dict(), "scenario", "first_seed", "hours", "stations", "lanes", "riders"]
    for member in (*members, "turned_away", "still_waiting", "arm_contacts"):
        assert f"`{member}`" in SCORECARD_PAGE, member
