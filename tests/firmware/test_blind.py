"""Blind signatures against RFC 9474's own vectors (appendix A), on both runtimes: all four variants.

The vectors' key has 4096 bits, a pass's 2048: the functions are the same. ``verify_pss`` itself takes none but 2048.
"""

import json
import unittest
from binascii import unhexlify

from firmware.fare import blind, rsa

try:
    import typing
except ImportError:
    pass

VECTORS = __file__.rsplit("/", 2)[0] + "/golden/rfc9474.json"


def vectors() -> "dict[str, typing.Any]":
    with open(VECTORS) as file:
        loaded: "dict[str, typing.Any]" = json.load(file)
        return loaded


class Fixed:
    """Randomness that is known: the salt first, then the factor."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def __call__(self, length: int) -> bytes:
        answer = self.answers.pop(0)
        assert len(answer) == length
        return answer


class Rfc9474(unittest.TestCase):
    def setUp(self) -> None:
        self.all = vectors()
        self.n = unhexlify(self.all["n"])
        self.inverse = unhexlify(self.all["inv"])

    def each(self) -> "typing.Iterator[tuple[str, bytes, bytes, dict[str, str]]]":
        self.assertEqual(len(self.all["variants"]), 4)
        for variant in self.all["variants"]:
            message = unhexlify(variant["msg_prefix"] + self.all["msg"])
            yield variant["name"], message, unhexlify(variant["salt"]), variant

    def test_blind(self) -> None:
        n = int.from_bytes(self.n, "big")
        factor = blind._inverse(int.from_bytes(self.inverse, "big"), n)
        for name, message, salt, variant in self.each():
            random_bytes = Fixed(salt, b"\xff" * 512, bytes(512), factor.to_bytes(512, "big"))
            blinded, inverse = blind.blind(self.n, message, random_bytes, len(salt))
            self.assertEqual(blinded, unhexlify(variant["blinded_msg"]), name)
            self.assertEqual(inverse, self.inverse, name)
            self.assertEqual(random_bytes.answers, [])

    def test_finalize(self) -> None:
        for name, message, salt, variant in self.each():
            blind_signature = unhexlify(variant["blind_sig"])
            found = blind.finalize(self.n, message, blind_signature, self.inverse, len(salt))
            self.assertEqual(found, unhexlify(variant["sig"]), name)
            self.assertEqual(blind.finalize(self.n, message + b"x", blind_signature, self.inverse, len(salt)), None)

    def test_verify(self) -> None:
        for name, message, salt, variant in self.each():
            signature = unhexlify(variant["sig"])
            self.assertTrue(rsa.verify(self.n, message, signature, len(salt)), name)
            self.assertFalse(rsa.verify(self.n, message, signature, 48 - len(salt)), name)
            self.assertFalse(rsa.verify_pss(self.n, message, signature), name)

    def test_parts_and_views_are_as_one(self) -> None:
        for _name, message, salt, variant in self.each():
            parts = (message[:5], memoryview(message)[5:])
            self.assertTrue(rsa.verify(self.n, parts, memoryview(unhexlify(variant["sig"])), len(salt)))


class Refusals(unittest.TestCase):
    def test_a_modulus_that_is_none(self) -> None:
        for n in (b"", b"\x80" * 255, b"\x00" + b"\xff" * 255, b"\x80" + bytes(255)):
            with self.assertRaises(ValueError):
                blind.blind(n, b"message", lambda length: b"\x01" * length)
            self.assertFalse(rsa.verify_pss(n, b"message", bytes(256)))
            self.assertTrue(blind.finalize(n, b"message", bytes(256), bytes(256)) is None)

    def test_randomness_that_never_fits_ends(self) -> None:
        for stuck in (b"\x00", b"\xff"):
            with self.assertRaises(ValueError):
                blind.blind(b"\xfe" * 255 + b"\xfd", b"message", lambda length, stuck=stuck: stuck * length)

    def test_inverses(self) -> None:
        for modulus in (15, 97, 221):
            for number in range(modulus):
                inverse = blind._inverse(number, modulus)
                known = [other for other in range(modulus) if number * other % modulus == 1]
                self.assertEqual(inverse, known[0] if known else None)


if __name__ == "__main__":
    unittest.main()
