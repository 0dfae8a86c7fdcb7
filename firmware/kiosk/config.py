"""A kiosk's settings: a device's (firmware/config.py), and its own under ``kiosk`` (docs/kiosk.md, "Settings").

Money is in cents, times in milliseconds. What is wrong is said by a SettingsError that names the setting.
"""

from firmware import config
from firmware.config import SettingsError
from firmware.kiosk import table

PRODUCTS = ("single", "day")
PRICE_MAX_CENTS = 100000
COINS_MAX = 16

# How long a rider may take in each state; None: the engine has other bounds.
_TIMEOUTS = (
    (table.CHOOSE, 60000),
    (table.PAY, 120000),
    (table.ASK, 180000),
    (table.HAND_OVER, 90000),
    (table.MY_DATA, 120000),
    (table.WITHDRAW, 60000),
    (table.ERASE, 60000),
    (table.SORRY, 30000),
)


def _prices(section):
    prices = section.get("prices")
    wanted = 'an object of cents by product, as {"single": 300, "day": 800}'
    if not isinstance(prices, dict) or not prices:
        raise config._wrong("kiosk.prices", prices, wanted)
    for product in prices:
        cents = prices[product]
        if product not in PRODUCTS:
            raise config._wrong("kiosk.prices." + str(product)[:20], cents, "absent: products are single and day")
        if type(cents) is not int or not 1 <= cents <= PRICE_MAX_CENTS:
            raise config._wrong("kiosk.prices." + product, cents, "1 to %d cents" % PRICE_MAX_CENTS)
    return prices


def _coins(section):
    """Cents by number of pulses."""
    coins = section.get("coins", [[1, 10], [2, 20], [3, 50], [4, 100], [5, 200]])
    wanted = "1 to %d pairs [pulses, cents], each number of pulses once" % COINS_MAX
    if not isinstance(coins, list) or not 1 <= len(coins) <= COINS_MAX:
        raise config._wrong("kiosk.coins", coins, wanted)
    found = {}
    for pair in coins:
        whole = isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and type(pair[1]) is int
        if not whole or not 1 <= pair[0] <= 200 or not 1 <= pair[1] <= PRICE_MAX_CENTS or pair[0] in found:
            raise config._wrong("kiosk.coins", pair, wanted)
        found[pair[0]] = pair[1]
    return found


def _payable(prices, coins):
    """Whether each price can be paid to the cent; the kiosk gives no change."""
    for product in prices:
        price = prices[product]
        sums = bytearray(price + 1)
        sums[0] = 1
        for cents in coins.values():
            for total in range(cents, price + 1):
                if sums[total - cents]:
                    sums[total] = 1
        if not sums[price]:
            raise config._wrong(
                "kiosk.prices." + product, price, "a sum of coins (%s): no change is given" % sorted(coins.values())
            )


def _gateway(section):
    """``http://host:port`` or ``https://host:port``, without a path."""
    url = section.get("gateway")
    right = type(url) is str and url.startswith(("http://", "https://"))
    host = url.split("//", 1)[1] if right else ""
    if not host or "/" in host or "@" in host or " " in host:
        raise config._wrong("kiosk.gateway", url, "the gateway's address without a path, as http://127.0.0.1:8080")
    return url


def _languages(section):
    languages = section.get("languages", ["en", "de"])
    right = isinstance(languages, list) and 1 <= len(languages) <= 16
    for code in languages if right else ():
        right = right and type(code) is str and 2 <= len(code) <= 3 and code.isalpha() and code == code.lower()
    if not right:
        raise config._wrong("kiosk.languages", languages, 'a list of language codes, as ["en", "de"]')
    return languages


class KioskSettings(config.Settings):
    """``values``: the dictionary that provisioning wrote. Raises SettingsError."""

    def __init__(self, values, emulated_bundle=config.EMULATED_BUNDLE):
        config.Settings.__init__(self, values, emulated_bundle)
        kiosk = config._section(values, "kiosk")
        self.prices = _prices(kiosk)
        self.coins = _coins(kiosk)
        _payable(self.prices, self.coins)
        self.gateway = _gateway(kiosk)
        self.currency = kiosk.get("currency", "EUR")
        if type(self.currency) is not str or len(self.currency) != 3 or self.currency != self.currency.upper():
            raise config._wrong("kiosk.currency", self.currency, 'three capitals, as "EUR"')
        self.languages = _languages(kiosk)
        whole = config._whole
        self.pulse_min_ms = whole(kiosk, "kiosk.pulse_min_ms", 20, 1, 1000)
        self.pulse_max_ms = whole(kiosk, "kiosk.pulse_max_ms", 150, self.pulse_min_ms + 1, 5000)
        self.pulse_gap_ms = whole(kiosk, "kiosk.pulse_gap_ms", 300, self.pulse_min_ms, 5000)
        limits = config._section(kiosk, "timeouts")
        self.timeouts_ms = {}
        for state, default in _TIMEOUTS:
            self.timeouts_ms[state] = whole(limits, "kiosk.timeouts.%s" % state, default, 1000, 3600000)
        for name in limits:
            if name not in self.timeouts_ms:
                raise config._wrong("kiosk.timeouts." + str(name)[:20], limits[name], "absent: no state has that name")
        self.issue_ms = whole(kiosk, "kiosk.issue_ms", 45000, 1000, 3600000)
        self.timeouts_ms[table.ISSUE] = self.issue_ms
        self.answer_ms = whole(kiosk, "kiosk.answer_ms", 15000, 500, 3600000)
        self.retry_ms = whole(kiosk, "kiosk.retry_ms", 2000, 100, 3600000)
        self.print_ms = whole(kiosk, "kiosk.print_ms", 30000, 1000, 3600000)
        self.pause_ms = whole(kiosk, "kiosk.pause_ms", 20000, 100, 3600000)
        self.data_days = whole(kiosk, "kiosk.data_days", 8, 1, 62)
        self.collection_method = kiosk.get("collection_method", "kiosk, two equal buttons, default no")
        if type(self.collection_method) is not str or not 1 <= len(self.collection_method) <= 200:
            raise config._wrong("kiosk.collection_method", self.collection_method, "1 to 200 characters")


__all__ = ("KioskSettings", "SettingsError")
