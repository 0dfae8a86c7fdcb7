"""Verification as one would write it first, for `bench passes` to compare with: numbers of 64 bits in lists, fresh
bytes for each step. Runs on MicroPython and CPython; its SHA-384 is not hashlib's on either.
"""

_M = (1 << 64) - 1


def _root(number: int, power: int) -> int:
    """The first 64 bits of the fraction of the square or cube root of `number`."""
    low, high = 0, 1 << 70
    while low < high:
        middle = (low + high + 1) // 2
        if middle**power <= number << 64 * power:
            low = middle
        else:
            high = middle - 1
    return low & _M


_PRIMES = [n for n in range(2, 410) if all(n % d for d in range(2, n))]
_K = [_root(n, 3) for n in _PRIMES]
_START = [_root(n, 2) for n in _PRIMES[8:16]]


def _turn(x: int, n: int) -> int:
    return (x >> n | x << (64 - n)) & _M


def digest(data: bytes) -> bytes:
    padded = data + b"\x80" + bytes((111 - len(data)) % 128) + (len(data) * 8).to_bytes(16, "big")
    state = list(_START)
    for at in range(0, len(padded), 128):
        w = [int.from_bytes(padded[at + 8 * i : at + 8 * i + 8], "big") for i in range(16)]
        for i in range(16, 80):
            x, y = w[i - 15], w[i - 2]
            nought = _turn(x, 1) ^ _turn(x, 8) ^ x >> 7
            one = _turn(y, 19) ^ _turn(y, 61) ^ y >> 6
            w.append((w[i - 16] + nought + w[i - 7] + one) & _M)
        a, b, c, d, e, f, g, h = state
        for i in range(80):
            first = h + (_turn(e, 14) ^ _turn(e, 18) ^ _turn(e, 41)) + ((e & f) ^ (~e & _M & g)) + _K[i] + w[i]
            second = (_turn(a, 28) ^ _turn(a, 34) ^ _turn(a, 39)) + ((a & b) ^ (a & c) ^ (b & c))
            h, g, f, e, d, c, b, a = g, f, e, (d + first) & _M, c, b, a, (first + second) & _M
        state = [(x + y) & _M for x, y in zip(state, (a, b, c, d, e, f, g, h))]  # noqa: B905  # MicroPython's zip
    return b"".join([x.to_bytes(8, "big") for x in state])[:48]


def verify_pss(n: bytes, message: bytes, signature: bytes) -> bool:
    """Only for signatures of the right length."""
    block = pow(int.from_bytes(signature, "big"), 65537, int.from_bytes(n, "big")).to_bytes(256, "big")
    masked, claimed = block[:207], block[207:255]
    mask = b"".join([digest(claimed + i.to_bytes(4, "big")) for i in range(5)])
    data = bytearray([masked[i] ^ mask[i] for i in range(207)])
    data[0] &= 0x7F
    hashed = digest(bytes(8) + digest(message) + bytes(data[159:]))
    return block[255] == 0xBC and bytes(data[:159]) == bytes(158) + b"\1" and hashed == claimed
