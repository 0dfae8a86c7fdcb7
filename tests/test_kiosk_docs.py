"""docs/kiosk.md and docs/kiosk-states.md against the code."""

import re
import runpy

from tests.support import ROOT


def test_the_states_page_is_drawn_from_the_table() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "draw_kiosk.py"))["page"]
    assert (ROOT / "docs" / "kiosk-states.md").read_text(encoding="utf-8") == page()


def test_every_setting_of_a_kiosk_is_in_its_table() -> None:
    page = (ROOT / "docs" / "kiosk.md").read_text(encoding="utf-8")
    code = (ROOT / "firmware" / "kiosk" / "config.py").read_text(encoding="utf-8")
    names = set(re.findall(r'(?:kiosk|section)\.get\("([a-z_]+)"', code)) | set(re.findall(r'"kiosk\.([a-z_]+)"', code))
    assert {"prices", "coins", "gateway", "issue_ms", "data_days", "collection_method"} <= names
    assert [name for name in sorted(names) if f"`kiosk.{name}`" not in page] == []
