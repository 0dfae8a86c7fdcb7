"""SHA-384 against FIPS 180-4's examples, on both runtimes; tests/fare compares with hashlib, proves the bound."""

import unittest
from binascii import hexlify

from firmware.fare import sha384

# FIPS 180-2, appendix D, and NIST's example values: (message, digest)
FIPS = (
    (
        b"abc",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    ),
    (
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039",
    ),
    (b"", "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"),
)
# NIST's third: a million times the letter a.
MILLION = "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985"


def hexed(parts: "tuple[bytes, ...]") -> str:
    out = bytearray(48)
    sha384.software_digest(parts, out)
    return hexlify(out).decode()


class Vectors(unittest.TestCase):
    def test_fips_180(self) -> None:
        for message, digest in FIPS:
            self.assertEqual(hexed((message,)), digest)

    def test_a_million_letters(self) -> None:
        # 8,000 blocks: machine code on a board; on CPython hashlib does them.
        if sha384.digest is sha384.software_digest:
            self.assertEqual(hexed((b"a" * 1000,) * 1000), MILLION)
        else:
            out = bytearray(48)
            sha384.digest((b"a" * 1000,) * 1000, out)
            self.assertEqual(hexlify(out).decode(), MILLION)

    def test_parts_are_as_one(self) -> None:
        message = bytes(range(256)) * 2
        whole = hexed((message,))
        for cut in (0, 1, 111, 112, 127, 128, 129, 255, 300, 512):
            self.assertEqual(hexed((message[:cut], b"", message[cut:])), whole)

    def test_a_view_is_as_its_bytes(self) -> None:
        out = bytearray(48)
        sha384.software_digest((memoryview(b"xabcx")[1:4],), out)
        self.assertEqual(hexlify(out).decode(), FIPS[0][1])


if __name__ == "__main__":
    unittest.main()
