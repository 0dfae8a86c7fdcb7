"""Every screen of the kiosk's touch page, light and dark, has nothing that axe calls serious or critical.

The screen is set by the test, as in test_kiosk_page.py, which tests what is shown.
"""

import pytest

from tests.browser.accessibility import Axe, axe
from tests.browser.conftest import OpenPage
from tests.touch.screens import Puppet, screens
from tests.touch.serving import Pages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

__all__ = ["axe"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_screen(pages: Pages, open_page: OpenPage, axe: Axe, language: str, scheme: str) -> None:
    puppet = Puppet()
    shown = open_page(
        pages.add(puppet),
        viewport={"width": 1280, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        # axe styles what it measures, which this page's policy would forbid; test_kiosk_page.py holds the policy.
        bypass_csp=True,
    )
    found = []
    for name, screen in screens().items():
        puppet.show(**screen | {"language": language})
        shown.until("(state) => document.querySelector(`.scene-${state}`) !== null", screen["state"])
        shown.until("(language) => document.documentElement.lang === language", language)
        found += [f"{name}: {grave}" for grave in axe.grave(shown.page)]
    assert not found, "\n".join(found)
    assert shown.complaints == []
