"""Which keys must exist, be listed and be kept on a day. Pure: the day is an argument.

Rules (docs/passes.md): days are service days since 1970-01-01. A site's service day begins at its own time, so at any
moment some site may still have the day before: everything holds for yesterday, today and, a day ahead, tomorrow.
Singles: a new key every 15 days, sold for 15 and valid for 30, so two are valid on any service day and whoever buys on
the last day of sale has 15 days more. Day passes: a key for each day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Product = Literal["single", "day"]
Choice = Literal["research", "none"]
PRODUCTS: Final[tuple[Product, ...]] = ("single", "day")
CHOICES: Final[tuple[Choice, ...]] = ("research", "none")

DAY_MS: Final = 86_400_000
SALE_DAYS: Final = 15
VALID_DAYS: Final = 30
MAX_KEYS: Final = 16
GRACE_MS: Final = 600_000
"""A kiosk's clock may differ by this much, and so long after the day's end a sale that was paid is still signed."""


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """A key by what it says: sold from ``first`` to ``sold_to``, valid from ``first`` to ``last``, both included."""

    product: Product
    first: int
    choice: Choice

    @property
    def sold_to(self) -> int:
        """The last day on which it is sold."""
        return self.first if self.product == "day" else self.first + SALE_DAYS - 1

    @property
    def last(self) -> int:
        """The last day on which it is valid."""
        return self.first if self.product == "day" else self.first + VALID_DAYS - 1


def service_day(at_ms: int, day_start_ms: int) -> int:
    """The service day of a site at ``at_ms`` (epoch milliseconds)."""
    return (at_ms - day_start_ms) // DAY_MS


def wanted(today: int) -> list[Wanted]:
    """The keys that must exist on the UTC day ``today``: those sold yesterday, today or tomorrow."""
    days = range(today - 1, today + 2)
    firsts: set[tuple[Product, int]] = {("day", day) for day in days}
    firsts |= {("single", day - day % SALE_DAYS) for day in days}
    return sorted(Wanted(product, first, choice) for product, first in firsts for choice in CHOICES)


def is_listed(last: int, today: int) -> bool:
    """Whether a key that is valid to ``last`` is still on the list: some site may have yesterday."""
    return last >= today - 1


def is_kept(sold_to: int, now_ms: int) -> bool:
    """Whether the private part of a key that is sold to ``sold_to`` is still needed anywhere."""
    return sold_to >= (now_ms - GRACE_MS) // DAY_MS - 1


def is_sold(first: int, sold_to: int, now_ms: int, day_start_ms: int) -> bool:
    """Whether a kiosk of a site may sell it now."""
    earliest = service_day(now_ms - GRACE_MS, day_start_ms)
    latest = service_day(now_ms + GRACE_MS, day_start_ms)
    return earliest <= sold_to and first <= latest
