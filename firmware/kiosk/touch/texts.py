"""The page's texts: one TOML file per language in `texts/`, all with the same keys; how money and dates are said.

Rules: a language is a file, found by being there; a missing key is an error when the file is read, not when a rider
comes. Texts are text, never HTML.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from firmware.kiosk.texts import SIGNS

FALLBACK = "en"
"""The language whose keys every other has."""


class Texts:
    """The texts of one language."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self.code: str = data["code"]
        self.name: str = data["name"]

    def __call__(self, place: str, **values: object) -> str:
        """The text at `place` ("pay.title") with `values` filled in; KeyError when there is none."""
        found: Any = self._data
        for part in place.split("."):
            found = found[part]
        return str(found).format(**values) if values else str(found)

    def has(self, place: str) -> bool:
        """Whether there is a text at `place`."""
        return place in keys(self._data)

    def money(self, cents: int, currency: str = "EUR") -> str:
        """An amount of money: 350 is "€3.50"; a currency without a sign of its own is named by its three letters."""
        amount = f"{cents // 100}{self._data['decimal_point']}{cents % 100:02d}"
        return self("money", amount=amount, currency=SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}"))

    def number(self, value: float) -> str:
        """A number with up to two decimals: 1.25, 1.5, 1."""
        return f"{value:.2f}".rstrip("0").rstrip(".").replace(".", self._data["decimal_point"])

    def date(self, when: datetime) -> str:
        """A day in words, without its year."""
        return self(
            "date",
            weekday=self._data["weekdays"][when.weekday()],
            day=when.day,
            month=self._data["months"][when.month - 1],
        )


def keys(data: dict[str, Any], before: str = "") -> set[str]:
    """Every place in `data`."""
    found: set[str] = set()
    for name, value in data.items():
        found |= keys(value, f"{before}{name}.") if isinstance(value, dict) else {before + name}
    return found


def read(source: str) -> dict[str, Any]:
    """A language file's content."""
    return tomllib.loads(source)


@cache
def languages() -> dict[str, Texts]:
    """Every language there is, by its code: English first, then in order of their codes."""
    found = {}
    for file in files("firmware.kiosk.touch").joinpath("texts").iterdir():
        if file.name.endswith(".toml"):
            data = read(file.read_text(encoding="utf-8"))
            found[data["code"]] = data
    wanted = keys(found[FALLBACK])
    for code, data in found.items():
        if keys(data) != wanted:
            raise ValueError(f"texts of {code}: other keys than {FALLBACK}: {sorted(keys(data) ^ wanted)}")
    order = sorted(found, key=lambda code: (code != FALLBACK, code))
    return {code: Texts(found[code]) for code in order}
