"""docs/attacks.md is what the attacks find today."""

from __future__ import annotations

import pytest

from simulator.linkage.page import page
from tests.privacy.renew_attacks import PAGE, measure


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_says_what_the_attacks_find() -> None:
    assert page(measure()) == PAGE.read_text(encoding="utf-8"), (
        "the attacks find something else: look at it, then `python -m tests.privacy.renew_attacks`"
    )
