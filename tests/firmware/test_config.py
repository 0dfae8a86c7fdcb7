"""Settings: every one is checked, and what is wrong is said by name, with what was given and what may be."""

import json
import unittest
from binascii import b2a_base64

from firmware.config import QUARTER_HOUR_MS, Settings, SettingsError, load
from tests.firmware.fakes import DAY_MS, KEY_HEX, MemoryStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# (name, least, most, step) of each whole number at an emulated site; a physical site's that differ follow.
NUMBERS = (
    ("broker.port", 1, 65535, 1),
    ("lane.beams", 2, 24, 1),
    ("lane.release_ms", 100, 3600000, 1),
    ("lane.refuse_ms", 100, 3600000, 1),
    ("passes.spent_pages", 1, 16, 1),
    ("passes.passback_ms", 0, DAY_MS, 1),
    ("report.interval_ms", 1000, DAY_MS, 1),
    ("report.tally_min", 1, 10000, 1),
    ("report.day_start_ms", 0, DAY_MS - QUARTER_HOUR_MS, QUARTER_HOUR_MS),
    ("report.outbox_records", 64, 100000, 1),
    ("report.resend_ms", 100, 3600000, 1),
)
PHYSICAL_NUMBERS = (
    ("report.interval_ms", QUARTER_HOUR_MS, DAY_MS, QUARTER_HOUR_MS),
    ("report.tally_min", 10, 10000, 1),
)
WRONG_TYPES: "tuple[Any, ...]" = ("x", "5", "", None, [], [5], {}, True, False, 5.0)
NOT_TEXTS: "tuple[Any, ...]" = ("", None, 5, True, [], ["a"], {})
NOT_CHOICES: "tuple[Any, ...]" = ("x", "", None, 0, 1, [], ["entry"], {})


def values(physical: bool = False) -> "dict[str, Any]":
    return {
        "site": "north",
        "device": "gate-1",
        "class": "physical" if physical else "emulated",
        "key": KEY_HEX,
        "broker": {"host": "127.0.0.1", "port": 1883, "user": "north/gate-1", "password": "secret"},
        "lane": {},
        "passes": {},
        "report": {},
    }


def made(path: str, value: "Any", physical: bool = False) -> Settings:
    given = values(physical)
    section = given
    names = path.split(".")
    if len(names) == 2:
        section = given[names[0]]
    section[names[-1]] = value
    return Settings(given, emulated_bundle=not physical)


class Case(unittest.TestCase):
    def refused(self, path: str, value: "Any", physical: bool = False) -> str:
        """What is said; it names the setting."""
        try:
            made(path, value, physical)
        except SettingsError as error:
            said = str(error)
            self.assertIn(path, said)
            return said
        raise AssertionError("%s: %r was taken" % (path, value))


class Numbers(Case):
    def check(self, numbers: "tuple[tuple[str, int, int, int], ...]", physical: bool) -> None:
        for path, least, most, step in numbers:
            name = path.split(".")[1]
            for good in (least, least + step, most):
                self.assertEqual(getattr(made(path, good, physical), name), good)
            for bad in (least - 1, least - step, most + 1, most + step, -1, 1 << 40):
                said = self.refused(path, bad, physical)
                self.assertIn("is %d;" % bad, said)
                self.assertIn("from %d to " % least, said)
            if step > 1:
                for bad in (least + 1, least + step - 1, most - 1):
                    self.assertIn("a multiple of %d" % step, self.refused(path, bad, physical))

    def test_bounds_at_an_emulated_site(self) -> None:
        self.check(NUMBERS, False)

    def test_bounds_at_a_physical_site(self) -> None:
        self.check(PHYSICAL_NUMBERS, True)

    def test_wrong_types(self) -> None:
        for path, _, _, _ in NUMBERS:
            for bad in WRONG_TYPES:
                self.refused(path, bad)

    def test_defaults(self) -> None:
        for physical in (False, True):
            s = Settings(values(physical), emulated_bundle=not physical)
            self.assertEqual((s.way, s.beams, s.release_ms, s.refuse_ms), ("entry", 4, 5000, 1500))
            self.assertEqual((s.interval_ms, s.tally_min, s.day_start_ms), (900000, 10, 0))
            self.assertEqual((s.list_key, s.spent_pages, s.passback_ms), (None, 4, 600000))
            self.assertEqual((s.send_at_once, s.outbox_records, s.resend_ms), (not physical, 512, 5000))


class Texts(Case):
    def test_names(self) -> None:
        for path in ("site", "device"):
            for good in ("a", "0", "north-2", "a" * 32):
                self.assertEqual(getattr(made(path, good), path), good)
            for bad in ("-a", "A", "a b", "a/b", "a+", "\u00e4", "a" * 33) + NOT_TEXTS:
                self.refused(path, bad)

    def test_broker(self) -> None:
        for path in ("broker.host", "broker.user", "broker.password"):
            for bad in NOT_TEXTS:
                self.refused(path, bad)
        self.assertNotIn("12345", self.refused("broker.password", 12345))
        self.assertFalse(made("broker", None).networked)
        self.assertTrue(Settings(values()).networked)

    def test_key(self) -> None:
        for bad in (KEY_HEX[:-2], KEY_HEX + "00", KEY_HEX[:-1], "zz" * 32) + NOT_TEXTS:
            said = self.refused("key", bad)
            if bad and isinstance(bad, str):
                self.assertNotIn(bad, said)

    def test_list_key(self) -> None:
        modulus = b"\x80" + bytes(254) + b"\x01"
        given = b2a_base64(modulus).decode().strip()
        self.assertEqual(made("passes.list_key", given).list_key, modulus)
        even, short = (b2a_base64(n).decode().strip() for n in (b"\x80" + bytes(255), b"\x01" + bytes(255)))
        wrong: "tuple[Any, ...]" = (given[:-4], given + "AAAA", even, short, "!" * 344, "", 5, True, [], {})
        for bad in wrong:
            self.refused("passes.list_key", bad)

    def test_choices(self) -> None:
        for bad in NOT_CHOICES + (True,):
            self.refused("lane.way", bad)
            self.refused("class", bad)
        for bad in NOT_CHOICES + ("true",):
            self.refused("report.send_at_once", bad)
        self.assertIn("True", self.refused("report.send_at_once", True, physical=True))
        self.assertFalse(made("report.send_at_once", False).send_at_once)
        self.assertEqual(made("lane.way", "exit").way, "exit")


class Whole(Case):
    def test_sections_of_a_wrong_type(self) -> None:
        for path in ("broker", "lane", "passes", "report"):
            for bad in ("x", 5, True, [], [1], None):
                if path != "broker" or bad is not None:
                    self.refused(path, bad)

    def test_what_may_be_left_out(self) -> None:
        for name in ("lane", "passes", "report"):
            given = values()
            del given[name]
            Settings(given)
        for name in ("site", "device", "class", "key", "broker"):
            given = values()
            del given[name]
            try:
                Settings(given)
            except SettingsError as error:
                self.assertIn(name, str(error))
            else:
                raise AssertionError("%s may not be left out" % name)

    def test_the_bundle_and_the_site_go_together(self) -> None:
        for physical in (False, True):
            with self.assertRaises(SettingsError):
                Settings(values(physical), emulated_bundle=physical)

    def test_files(self) -> None:
        self.assertEqual(load(MemoryStorage({"settings.json": json.dumps(values()).encode()})).site, "north")
        for bad in (b"", b"{", b"[]", b"null", b"5", b'"x"'):
            with self.assertRaises(SettingsError):
                load(MemoryStorage({"settings.json": bad}))
        with self.assertRaises(SettingsError):
            load(MemoryStorage())


class Detectors(Case):
    LAYOUT: "list[list[int]]" = [[x, z] for x in (0, 150, 300, 450) for z in (200, 1200)]

    def lane(self, **lane: "Any") -> Settings:
        given = values()
        given["lane"] = lane
        return Settings(given)

    def test_each_has_its_beams(self) -> None:
        self.assertEqual((self.lane().detector, self.lane().beams, self.lane().layout), ("ordered", 4, None))
        self.assertEqual(self.lane(detector="single").beams, 1)
        self.assertEqual(self.lane(detector="profile", layout=self.LAYOUT).layout, self.LAYOUT)
        with self.assertRaises(SettingsError):
            self.lane(detector="single", beams=2)
        with self.assertRaises(SettingsError):
            self.lane(detector="magic")

    def test_layouts_that_are_none(self) -> None:
        one_height = [[x * 150, 200] for x in range(8)]
        four = [[x, z] for x in (0, 150) for z in (200, 500, 800, 1200)]
        one_top = [[0, 1200]] + [[x * 100, 200] for x in range(8)]
        wrong: "list[Any]" = [None, "x", [], self.LAYOUT[:7], self.LAYOUT * 4, one_height, four, one_top]
        wrong += [self.LAYOUT[:-1] + [bad] for bad in ([450], [450, -1], [450, 1.5], "x", None, [450, True])]
        for layout in wrong:
            with self.assertRaises(SettingsError):
                self.lane(detector="profile", layout=layout)


if __name__ == "__main__":
    unittest.main()
