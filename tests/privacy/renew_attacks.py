"""`python -m tests.privacy.renew_attacks`: attack the whole week and write docs/attacks.md anew."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from simulator.linkage.measure import Results, of_site, of_usual_record
from simulator.linkage.page import page
from simulator.linkage.week import draw_week
from tests.privacy import hostile
from tests.privacy.week import SEED, known, run_week
from tests.support import ROOT

PAGE = ROOT / "docs" / "attacks.md"


def measure() -> Results:
    """All of it, in a folder of its own that goes afterwards."""
    week = draw_week(SEED)
    results = of_usual_record(week)
    for site_class in ("emulated", "physical"):
        with tempfile.TemporaryDirectory() as folder, run_week(Path(folder) / "data", site_class, week) as ran:
            site = of_site(known(ran), site_class == "physical")
            replayed = hostile.replayed(ran)
            attempts = [(one.what, one.outcome) for one in hostile.with_a_stolen_key(ran)]
            results.sites[site_class] = replace(site, replayed=replayed, attempts=attempts)
    return results


def main() -> None:
    PAGE.write_text(page(measure()), encoding="utf-8")
    print(f"{PAGE.name} is written.")


if __name__ == "__main__":
    main()
