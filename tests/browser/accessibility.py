"""axe-core in a page: what keeps people from using it, as far as a program can find that.

Rules: the page is scanned as it is; nothing is left out of a scan. What a page may not have is
what axe calls serious or critical. Which pages are scanned is decided in the tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.npm import installed
from tests.support import ROOT

GRAVE = ("serious", "critical")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Axe:
    """Scans pages."""

    def __init__(self, packages: Path) -> None:
        self._source = (packages / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def findings(self, page: Page) -> list[dict[str, Any]]:
        """All that axe finds, as it says it."""
        # Through the debugger, as a reader's own tool would: the page's policy would let no foreign script in.
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(f"{self._source}; undefined")
        found: list[dict[str, Any]] = page.evaluate(
            "async (tags) => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations", TAGS
        )
        return found

    def grave(self, page: Page) -> list[str]:
        """What is serious or critical: the rule, the element, what to mend."""
        return [
            f"{found['impact']} {found['id']}: {found['help']} | {node['html'][:200]} | {node['failureSummary'][:300]}"
            for found in self.findings(page)
            if found["impact"] in GRAVE
            for node in found["nodes"][:5]
        ]


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> Axe:
    """axe-core, installed from its lock."""
    return Axe(installed(request.config, "axe", ROOT / "tests" / "browser" / "axe"))
