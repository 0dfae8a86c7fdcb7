"""docs/privacy.md names tests that are there, and says of each invariant which."""

from __future__ import annotations

import re

from tests.support import ROOT

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_every_invariant_has_its_row_and_its_tests() -> None:
    rows = dict(re.findall(r"^\| \*\*I(\d) .*?\| (.*) \|$", PAGE, re.MULTILINE))
    assert sorted(rows) == [str(number) for number in range(1, 9)]
    for number, row in rows.items():
        tests = re.findall(r"`(tests/[^`]+)`", row)
        # Nothing is released yet (I6): there is no code to attack.
        assert bool(tests) == (number != "6"), f"I{number}"
        for test in tests:
            assert (ROOT / test).is_file(), f"I{number} names {test}, which is not there"


def test_what_is_not_built_has_no_code() -> None:
    assert not (ROOT / "gateway" / "release").exists(), "releases are there: I6 needs its row and its tests"
