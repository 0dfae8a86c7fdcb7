"""A kiosk's settings, receipts, tallies, ledger and small display, each by itself."""

import json
import unittest

from firmware.kiosk import ledger, receipt, table
from firmware.kiosk.config import KioskSettings, SettingsError
from firmware.kiosk.front import Front, plain, wrapped
from firmware.kiosk.ledger import Ledger, Sale
from firmware.kiosk.reporter import KioskReporter
from firmware.kiosk.texts import PAPER, TEXTS
from firmware.report.outbox import Outbox
from tests.firmware.fakes import DAY_MS, KEY_HEX, MORNING_MS, QUARTER_MS, MemoryStorage, power_cuts
from tests.firmware.kiosk_fakes import NOTICE, kiosk_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EMPTY = bytes(256)


def sale(number: int, kind: str = "buy", product: str = "single", choice: str = "research", notice: str = "1") -> Sale:
    return Sale(number, kind, product, choice, notice, bytes(8), EMPTY, 20000, 20029)


class Settings(unittest.TestCase):
    def wrong(self, kiosk: "dict[str, Any]", names: str) -> None:
        values: "dict[str, Any]" = {"gateway": "http://127.0.0.1:8080", "prices": {"single": 300}}
        values.update(kiosk)
        try:
            KioskSettings(
                {"site": "a", "device": "b", "class": "emulated", "key": KEY_HEX, "broker": None, "kiosk": values}, True
            )
        except SettingsError as error:
            self.assertIn(names, str(error))
            return
        raise AssertionError("%s was taken" % kiosk)

    def test_what_is_wrong_is_named(self) -> None:
        self.wrong({"prices": None}, "kiosk.prices")
        self.wrong({"prices": {}}, "kiosk.prices")
        self.wrong({"prices": {"month": 3}}, "kiosk.prices.month")
        self.wrong({"prices": {"single": 0}}, "kiosk.prices.single")
        self.wrong({"prices": {"single": 2.5}}, "kiosk.prices.single")
        self.wrong({"prices": {"single": 305}}, "no change is given")
        self.wrong({"coins": []}, "kiosk.coins")
        self.wrong({"coins": [[1, 10], [1, 20]]}, "kiosk.coins")
        self.wrong({"coins": [[0, 10]]}, "kiosk.coins")
        self.wrong({"currency": "euro"}, "kiosk.currency")
        self.wrong({"languages": []}, "kiosk.languages")
        self.wrong({"languages": ["EN"]}, "kiosk.languages")
        self.wrong({"gateway": None}, "kiosk.gateway")
        self.wrong({"gateway": "127.0.0.1:8080"}, "kiosk.gateway")
        self.wrong({"gateway": "http://127.0.0.1:8080/api"}, "kiosk.gateway")
        self.wrong({"timeouts": {"pay": 5}}, "kiosk.timeouts.pay")
        self.wrong({"timeouts": {"payy": 5000}}, "kiosk.timeouts.payy")
        self.wrong({"timeouts": 3}, "timeouts")
        self.wrong({"pulse_min_ms": 200}, "kiosk.pulse_max_ms")
        self.wrong({"issue_ms": "long"}, "kiosk.issue_ms")
        self.wrong({"data_days": 63}, "kiosk.data_days")
        self.wrong({"collection_method": ""}, "kiosk.collection_method")

    def test_defaults(self) -> None:
        settings = kiosk_settings()
        self.assertEqual(settings.languages, ["en", "de"])
        self.assertEqual(settings.coins, {1: 10, 2: 100, 3: 200})
        self.assertEqual(settings.timeouts_ms[table.PAY], 120000)


class Books(unittest.TestCase):
    def test_a_spoilt_head_is_no_sale(self) -> None:
        storage = MemoryStorage()
        books = Ledger(storage)
        books.open(sale(1), bytes(32), EMPTY, EMPTY)
        storage.files[ledger.SALE] = b"\xff nonsense"
        again = Ledger(storage)
        self.assertEqual((again.stage, sorted(storage.files)), (ledger.IDLE, []))

    def test_one_sale_at_a_time(self) -> None:
        books = Ledger(MemoryStorage())
        books.open(sale(1), bytes(32), EMPTY, EMPTY)
        self.assertRaises(ValueError, lambda: books.open(sale(2), bytes(32), EMPTY, EMPTY))

    def test_every_bit_of_the_secret_counts(self) -> None:
        storage = MemoryStorage()
        Ledger(storage).open(sale(1), bytes(range(32)), bytes(range(256)), EMPTY)
        for at in (0, 31, 32, 300, 543, 544, 575):
            files = dict(storage.files)
            spoilt = bytearray(files[ledger.SECRET])
            spoilt[at] ^= 1
            files[ledger.SECRET] = bytes(spoilt)
            self.assertEqual(Ledger(MemoryStorage(files)).stage, ledger.REFUNDING)
        self.assertEqual(Ledger(MemoryStorage(storage.files)).stage, ledger.ASKED)

    def test_a_counter_that_is_spoilt_starts_anew(self) -> None:
        storage = MemoryStorage({ledger.NUMBER: b"x"})
        self.assertEqual(Ledger(storage).next_number(), 1)


class Tallies(unittest.TestCase):
    def told(self, outbox: Outbox) -> "list[Any]":
        found = outbox.batch(1, 0, 64, 65536)
        return [] if found is None else [json.loads(record) for record in found[1]]

    def made(self, storage: MemoryStorage, **report: "Any") -> "tuple[KioskReporter, Outbox]":
        outbox = Outbox(storage, 1)
        settings = kiosk_settings()
        settings.tally_min = 10
        settings.interval_ms = QUARTER_MS
        return KioskReporter(settings, storage, outbox), outbox

    def test_ten_sales_close_at_the_next_boundary_and_nine_do_not(self) -> None:
        for count in (9, 10):
            reporter, outbox = self.made(MemoryStorage())
            reporter.tick(MORNING_MS)
            for number in range(count):
                reporter.sale(MORNING_MS + number, sale(number), True)
            self.assertEqual(self.told(outbox), [])
            reporter.tick(MORNING_MS + QUARTER_MS - 1)
            self.assertEqual(self.told(outbox), [])
            reporter.tick(MORNING_MS + QUARTER_MS)
            self.assertEqual(len(self.told(outbox)), 2 if count == 10 else 0)

    def test_the_day_closes_whatever_there_is(self) -> None:
        reporter, outbox = self.made(MemoryStorage())
        reporter.sale(MORNING_MS, sale(1), True)
        reporter.sale(MORNING_MS, sale(2, product="day", choice="none", notice="2"), True)
        reporter.sale(MORNING_MS, sale(3), False)
        reporter.sale(MORNING_MS, sale(4, kind="exchange", choice="none"), True)
        self.assertEqual(reporter.next_close_in(MORNING_MS), QUARTER_MS)
        day = MORNING_MS // DAY_MS * DAY_MS
        reporter.tick(day + DAY_MS)
        span = {"from": day, "to": day + DAY_MS}
        self.assertEqual(
            self.told(outbox),
            [
                dict(span, kind="sales", single=1, day=1, refunds=1, exchanges=1),
                dict(span, kind="consents", notice="1", research=1, none=0),
                dict(span, kind="consents", notice="2", research=0, none=1),
            ],
        )
        self.assertIsNone(reporter.next_close_in(day + DAY_MS))

    def test_a_sale_is_told_once_however_often_it_ends(self) -> None:
        storage = MemoryStorage()
        for _ in range(3):
            reporter, outbox = self.made(storage)
            reporter.sale(MORNING_MS, sale(1), True)
            reporter.sale(MORNING_MS, sale(1), True)
        reporter.sale(MORNING_MS, sale(11), True)
        reporter.tick(MORNING_MS + DAY_MS)
        self.assertEqual(self.told(outbox)[0]["single"], 2)

    def test_power_is_cut_at_every_change(self) -> None:
        storage = MemoryStorage(noted=True)
        reporter, _ = self.made(storage)
        for number in range(3):
            reporter.sale(MORNING_MS, sale(number), True)
        reporter.tick(MORNING_MS + DAY_MS)
        cuts = 0
        for _, after in power_cuts({}, storage.changes):
            cuts += 1
            again, outbox = self.made(after)
            for number in range(3):
                if not self.told(outbox):  # what is told already was never in doubt again
                    again.sale(MORNING_MS, sale(number), True)
            again.tick(MORNING_MS + DAY_MS)
            self.assertEqual(self.told(outbox)[0]["single"], 3)
        self.assertGreater(cuts, 50)

    def test_without_a_clock_it_still_counts(self) -> None:
        reporter, outbox = self.made(MemoryStorage())
        reporter.sale(None, sale(1), True)
        reporter.tick(MORNING_MS)
        self.assertEqual(self.told(outbox)[0]["single"], 1)


TEMPLATE = {"consentTimestamp": None, "consentReceiptID": None, "collectionMethod": None, "language": "en"}


class Receipts(unittest.TestCase):
    def test_the_kiosk_fills_three_members_and_leaves_the_template_alone(self) -> None:
        notice = dict(NOTICE, receipt={"en": TEMPLATE})
        made = receipt.make(
            notice, "en", sale(7, notice="2026-1"), 1754399712345, lambda n: bytes(range(n)), "kiosk, two equal buttons"
        )
        self.assertEqual(
            made,
            {
                "consentTimestamp": 1754399700,
                "consentReceiptID": "000102030405060708090a0b0c0d0e0f",
                "collectionMethod": "kiosk, two equal buttons",
                "language": "en",
            },
        )
        self.assertIsNone(TEMPLATE["consentTimestamp"])

    def test_who_said_no_gets_none(self) -> None:
        notice = dict(NOTICE, receipt={"en": TEMPLATE})
        for one in (sale(1, choice="none", notice="2026-1"), sale(1, notice="2025-9")):
            self.assertIsNone(receipt.make(notice, "en", one, 0, bytes, "kiosk"))
        self.assertIsNone(receipt.make(None, "en", sale(1), 0, bytes, "kiosk"))

    def test_dates(self) -> None:
        for day, date in ((0, "1970-01-01"), (19782, "2024-02-29"), (19783, "2024-03-01"), (20400, "2025-11-08")):
            self.assertEqual(receipt.date(day), date)
        self.assertEqual(receipt.clock(1754398800), "2025-08-05 13:00")


class Display(unittest.TestCase):
    def test_every_language_has_every_text(self) -> None:
        for data in (TEXTS, PAPER):
            for language in data:
                self.assertEqual(sorted(data[language]), sorted(data["en"]))
        for texts in TEXTS.values():
            for text in texts.values():
                self.assertEqual(plain(text), text)

    def screen(self, state: str, **more: "Any") -> "dict[str, Any]":
        screen: "dict[str, Any]" = {
            "state": state,
            "language": "en",
            "languages": ["en", "de"],
            "prices": {"single": 300, "day": 800},
            "currency": "EUR",
            "product": "single",
            "missing_cents": 200,
            "choice": None,
            "notice": {"version": "1", "title": "May we?", "text": "One paragraph of words.\n\nAnother Stück."},
            "rows": None,
            "withdrawable": False,
            "waiting": False,
            "owed": False,
            "why": None,
        }
        screen.update(more)
        return screen

    def test_every_state_fits_the_display_in_every_language(self) -> None:
        row = {"way": "exit", "gate": "g" * 32}
        cases: "list[dict[str, Any]]" = [{}, {"rows": []}, {"rows": [row], "withdrawable": True}]
        for columns, rows in ((21, 8), (20, 4)):
            front = Front(columns, rows)
            for state in table.TABLE:
                for language in TEXTS:
                    for more in cases:
                        lines = front.lines(self.screen(state, language=language, **more))
                        self.assertEqual(len(lines), rows)
                        self.assertTrue(max(len(line) for line in lines) <= columns)

    def test_no_and_yes_stand_side_by_side_and_the_whole_notice_can_be_read(self) -> None:
        front = Front(21, 5)
        screen = self.screen(table.ASK)
        read = []
        for _ in range(6):
            lines = front.lines(screen)
            self.assertEqual(lines[-2:], ["1 No  2 Yes", "3 Read on"])
            read += lines[:-2]
            self.assertIsNone(front.pressed(2, screen))
        self.assertTrue({"May we?", "One paragraph of", "words.", "Another Stueck."} <= set(read))
        self.assertEqual(front.pressed(0, screen), ("answer", False))
        self.assertEqual(front.pressed(1, screen), ("answer", True))
        self.assertIsNone(front.pressed(3, screen))

    def test_lines_are_broken_at_spaces(self) -> None:
        self.assertEqual(wrapped("ab cde fghijklm\nx", 6), ["ab cde", "fghijk", "lm", "x"])


if __name__ == "__main__":
    unittest.main()
