"""Run by `bench passes` on MicroPython or CPython: `passes_device.py FOLDER`.

The folder's file `given` has modulus, message and signature in hexadecimal, a line each (MicroPython takes no argument
of more than 255 bytes).

Prints `name microseconds bytes` for each way to verify; -1 bytes where the runtime can't tell. Collection is off while
one verification runs, so that nothing of what it leaves behind is gone when it is measured.
"""

import gc
import sys
import time
from binascii import unhexlify

try:
    ticks_us, ticks_diff = time.ticks_us, time.ticks_diff  # type: ignore[attr-defined]
    mem_alloc = gc.mem_alloc  # type: ignore[attr-defined]
except AttributeError:  # CPython

    def ticks_us() -> int:
        return time.perf_counter_ns() // 1000

    def ticks_diff(end: int, start: int) -> int:
        return end - start

    mem_alloc = None


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    import passes_naive  # type: ignore[import-not-found]  # in the folder, compiled for this runtime

    from firmware.fare import rsa

    with open(folder + "/given") as file:
        n, message, signature = [unhexlify(line.strip()) for line in file]
    modulus, number = int.from_bytes(n, "big"), int.from_bytes(signature, "big")
    ways = (
        ("naive", lambda: passes_naive.verify_pss(n, message, signature)),
        ("verify pss", lambda: rsa.verify_pss(n, message, signature)),
        ("the power alone", lambda: pow(number, 65537, modulus) > 0),
    )
    for _ in range(5):
        for name, verify in ways:
            gc.collect()
            gc.disable()
            before = mem_alloc() if mem_alloc else 0
            start = ticks_us()
            good = verify()
            took = ticks_diff(ticks_us(), start)
            garbage = mem_alloc() - before if mem_alloc else -1
            gc.enable()
            assert good, name
            print(name.replace(" ", "_"), took, garbage)


if __name__ == "__main__":
    main(sys.argv[1])
