"""Every record and message that the firmware writes equals the golden payloads byte for byte."""

import json
import unittest
from binascii import unhexlify

from firmware.report import irregular, records
from firmware.report.folding import Fold
from firmware.report.seal import Seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GOLDEN = __file__.rsplit("/", 2)[0] + "/golden/payloads.json"
# What the firmware never writes: from the gateway, from the simulator, from the gateway to the simulator.
RECEIVED = ("stored", "layout", "scene", "world")


def encode_record(r: "dict[str, Any]") -> bytes:
    """The firmware's own bytes for a decoded record."""
    kind = r["kind"]
    made: bytes
    if kind == "passage":
        made = records.passage(r["at"], r["way"], r["product"], r["handle"], r["transit_ms"])
    elif kind == "tally":
        made = records.tally(
            r["from"], r["to"], r["entries"], r["exits"], r["paid"], r["free"], r["declined"],
            r["irregular"], r["notices"], r["folds"],
        )  # fmt: skip
    elif kind == "irregular":
        made = irregular.irregular(r["at"], r["way"], r["what"], r["confidence"], [tuple(e) for e in r["trace"]])
    elif kind == "daily":
        made = records.daily(r["day"], r["refused"], r)
    elif kind == "spent":
        made = records.spent(r["to"], r["nullifiers"])
    elif kind == "sales":
        made = records.sales(r["from"], r["to"], r["single"], r["day"], r["refunds"], r["exchanges"])
    elif kind == "consents":
        made = records.consents(r["from"], r["to"], r["notice"], r["research"], r["none"])
    else:
        made = records.notice(r["at"], r["what"], r["folds"])
    return made


def encode_message(m: "dict[str, Any]") -> bytes:
    made: bytes
    if "records" in m:
        made = records.batch(m["device"], m["boot"], m["seq"], [encode_record(r) for r in m["records"]])
    elif m.get("state") == "online":
        made = records.online(m["boot"], m["firmware"], m["keys"])
    elif m.get("state") == "lost":
        made = records.lost(m["boot"])
    else:
        made = records.health(m["boot"], m["heap_free"], m["worst_tick_ms"], m["outbox"], m["refused_stored"])
    return made


class Golden(unittest.TestCase):
    def test_the_firmware_writes_every_golden_payload(self) -> None:
        with open(GOLDEN) as file:
            payloads = json.load(file)
        kinds = set()
        channels = set()
        for entry in payloads:
            channel = entry["topic"].split("/")[-1]
            channels.add(channel)
            if channel in RECEIVED:
                continue
            message = json.loads(entry["message"])
            for record in message.get("records", ()):
                kinds.add(record["kind"])
                kinds.add(record.get("what", ""))
            body = encode_message(message)
            if entry["key"]:
                body = Seal(unhexlify(entry["key"])).close(entry["topic"], body)
            self.assertEqual(body, entry["message"].encode(), entry["name"])
        self.assertEqual(channels, {"event", "status", "health", "stored", "layout", "scene", "world"})
        for kind in (
            "passage",
            "tally",
            "irregular",
            "daily",
            "device",
            "boot",
            "fault",
            "recovered",
            "fire_on",
            "fire_off",
            "keys_refused",
            "spent",
            "sales",
            "consents",
        ):
            self.assertIn(kind, kinds)
        for kind in records.IRREGULAR_KINDS + ("storage_lost",):
            self.assertIn(kind, kinds)


class Rounding(unittest.TestCase):
    def test_a_transit_is_rounded_to_a_quarter_second(self) -> None:
        for given, told in ((0, 0), (124, 0), (125, 250), (374, 250), (375, 500), (1130, 1250)):
            record = json.loads(records.passage(0, "entry", "day", "00" * 32, given))
            self.assertEqual(record["transit_ms"], told)


class Folding(unittest.TestCase):
    def test_every_kind_adds_up(self) -> None:
        fold = Fold()
        fold.add({"kind": "passage", "at": 500, "way": "entry"})
        fold.add({"kind": "passage", "at": 300, "way": "exit"})
        fold.add({"kind": "irregular", "at": 700})
        fold.add({"kind": "daily", "day": 3})
        fold.add({"kind": "device", "at": 0, "what": "storage_lost"})
        fold.add(json.loads(records.tally(100, 600, 4, 1, 3, 2, 1, 5, 6, 9)))
        self.assertEqual(json.loads(fold.record(14)), json.loads(records.tally(100, 700, 5, 2, 5, 2, 1, 6, 8, 14)))


if __name__ == "__main__":
    unittest.main()
