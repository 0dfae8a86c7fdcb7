"""Runs one file of device tests under MicroPython: `micropython run_micropython.py FOLDER MODULE`.

Exits with 0 only when at least one test was tried and none failed. The folder of `unittest.py` for MicroPython must be
on the path (test_firmware_on_micropython.py sets it). This file is run by MicroPython only.
"""

import sys
import unittest


def main(folder: str, name: str) -> int:
    sys.path.append(folder)
    ok, skipped, failed = unittest.run(__import__(name))  # type: ignore[attr-defined]  # our own unittest, see above
    print("%d ok, %d skipped, %d failed" % (ok, skipped, failed))
    return 0 if ok and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
