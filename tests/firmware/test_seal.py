"""HMAC-SHA256 against RFC 4231, and the seal against the golden payloads, which independent code has sealed."""

import json
import unittest
from binascii import hexlify, unhexlify

from firmware.fare.handles import handle, service_day
from firmware.report.seal import Hmac, Seal

GOLDEN = __file__.rsplit("/", 2)[0] + "/golden/payloads.json"

# RFC 4231, section 4: (case, key, data, first digits of HMAC-SHA-256; all of them but for case 5, which is truncated)
RFC_4231 = (
    (1, b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (2, b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (3, b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (4, bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (5, b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        6,
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        7,
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


def golden() -> "list[dict[str, str]]":
    with open(GOLDEN) as file:
        loaded: "list[dict[str, str]]" = json.load(file)
        return loaded


class HmacVectors(unittest.TestCase):
    def test_rfc_4231(self) -> None:
        for case, key, data, expected in RFC_4231:
            digest = hexlify(Hmac(key).digest(data)).decode()
            self.assertEqual(digest[: len(expected)], expected, case)

    def test_parts_are_as_one(self) -> None:
        mac = Hmac(b"key")
        self.assertEqual(mac.digest(b"ab", b"", b"c"), mac.digest(b"abc"))


class Seals(unittest.TestCase):
    def test_every_sealed_golden_payload_is_accepted_and_made_again(self) -> None:
        sealed = 0
        for entry in golden():
            if not entry["key"]:
                continue
            seal = Seal(unhexlify(entry["key"]))
            message = entry["message"].encode()
            self.assertTrue(seal.check(entry["topic"], message), entry["name"])
            self.assertEqual(seal.close(entry["topic"], message[:-74] + b"}"), message)
            sealed += 1
        self.assertGreater(sealed, 15)

    def test_any_changed_byte_is_found(self) -> None:
        entry = golden()[0]
        seal = Seal(unhexlify(entry["key"]))
        message = entry["message"].encode()
        for at in range(len(message)):
            changed = message[:at] + bytes((message[at] ^ 1,)) + message[at + 1 :]
            self.assertFalse(seal.check(entry["topic"], changed), at)

    def test_another_topic_key_or_length_is_refused(self) -> None:
        entry = golden()[0]
        message = entry["message"].encode()
        seal = Seal(unhexlify(entry["key"]))
        self.assertFalse(seal.check(entry["topic"][:-1], message))
        self.assertFalse(Seal(bytes(32)).check(entry["topic"], message))
        for short in (b"", b"{}", message[:-1], message[-74:], message[1:], message + b" "):
            self.assertFalse(seal.check(entry["topic"], short))

    def test_digits_in_upper_case_are_refused(self) -> None:
        entry = golden()[0]
        message = entry["message"]
        self.assertFalse(
            Seal(unhexlify(entry["key"])).check(entry["topic"], (message[:-66] + message[-66:].upper()).encode())
        )


class Handles(unittest.TestCase):
    def test_handles_as_independent_code_makes_them(self) -> None:
        self.assertEqual(
            handle(b"sixteen byte non", 20306), "29e594e9c36d2a0fc09f4c47fe4fc8f087f948cb93a4a54293d046ebd1f1c52b"
        )
        self.assertEqual(handle(bytes(16), 20306), "9cbf9bd2e2ac2fdfc382dbfd254e4e56063d181aa82810b9c46a298b8752f159")

    def test_the_service_day_begins_at_its_own_midnight(self) -> None:
        day = 20306
        for start_ms in (0, 19800000, -3600000):
            begins = day * 86400000 + start_ms
            self.assertEqual(service_day(begins, start_ms), day)
            self.assertEqual(service_day(begins - 1, start_ms), day - 1)


if __name__ == "__main__":
    unittest.main()
