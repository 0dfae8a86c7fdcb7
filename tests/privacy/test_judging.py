"""I4: no judgement of a person, in or out; I1: nothing on the wire that could name one.

By name: every identifier, member and short text of the gateway's and the firmware's code, every member of every
message, every channel. A scan by names finds what is called what it is; what is smuggled in under another name has to
get past the exact lists here and in tests/gateway/test_privacy.py, which somebody must change by hand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.protocol import records, scenes, topics
from tests.support import ROOT

JUDGING = re.compile(
    r"score|rank(?!s\b)|rating|black_?list|white_?list|deny_?list|banned|offen[cd]|violat|punish|penal|reputation"
    r"|suspicio|evader|cheat|criminal|citizen|trustworth|watch_?list|merit"
)

# The whole wire: who adds a member comes here, having read docs/privacy.md.
EXACT_MEMBERS = {
    "Batch": "v device boot seq records",
    "Consents": "from to notice research none",
    "Daily": "day refused tailgate reverse forced jump crawl passback",
    "Health": "v boot heap_free worst_tick_ms outbox refused_stored",
    "Irregular": "at way what confidence trace",
    "Layout": "v way make detector beams arm stand_mm queue_mm away_mm width_mm",
    "Notice": "at what folds",
    "Online": "boot firmware keys",
    "Passage": "at way product handle transit_ms",
    "Sales": "from to single day refunds exchanges",
    "Scene": "v at state arm lamp beams waiting bodies edges truth hands",
    "Spent": "to nullifiers",
    "Tally": "from to entries exits paid free declined irregular notices folds",
}
# A scorecard is a gate's: how often it was wrong about synthetic riders. And the sentence that says what there isn't.
OF_GATES = "scorecard"
SAID_OF_NOBODY = {"It gives nobody a score, and bars nobody."}
ANSWERS = {"_Stored", "World"}  # what the gateway says, and never reads


def names(path: Path) -> Iterator[str]:
    """Every identifier and short text of a source file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
            yield str(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 60:
            yield node.value


def judging(root: Path) -> list[str]:
    """Each name in gateway and firmware that speaks of judging somebody."""
    found = []
    for room in ("gateway", "firmware"):
        for path in sorted((root / room).rglob("*.py")):
            found += [
                f"{path.relative_to(root)}: {name}"
                for name in names(path)
                if JUDGING.search(name.lower().replace(OF_GATES, "")) and name not in SAID_OF_NOBODY
            ]
    return found


def test_no_name_in_the_code_judges_anybody() -> None:
    assert judging(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "def rank_riders(rows): ...",
        "class Blacklist: ...",
        "rider.score = 3",
        "settle(trustworthiness=1)",
        'row["offences"] = 1',
        'TABLE = "fare_evaders"',
        "class RiderScorecardScore: ...",
    ],
)
def test_a_planted_judgement_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "planted.py").write_text(text)
    assert len(judging(tmp_path)) == 1


def test_the_wire_has_these_members_and_no_others() -> None:
    structs = {
        name: kind
        for name, kind in (*vars(records).items(), *vars(scenes).items())
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    }
    read = {name: kind for name, kind in structs.items() if name not in ANSWERS}
    assert {name: " ".join(kind.__struct_encode_fields__) for name, kind in read.items()} == EXACT_MEMBERS
    assert all(kind.__struct_config__.forbid_unknown_fields for kind in read.values())


def test_the_gateway_listens_to_these_channels_and_no_others() -> None:
    assert topics.INCOMING == ("event", "status", "health", "layout", "scene")
    filters = [topics.EVENT_FILTER, *topics.OBSERVED_FILTERS]
    assert sorted(name.rsplit("/", 1)[1] for name, _ in filters) == sorted(topics.INCOMING)
