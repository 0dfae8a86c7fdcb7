"""SHA-384 (FIPS 180-4) for boards whose hashlib has none: a Pico's MicroPython offers SHA-256 only.

A 64-bit word is four limbs of 16 bits, the lowest first. A sum of limbs stays below 2^19 and a shifted limb below 2^31,
so no intermediate passes 31 bits: a Pico's machine words have 32, a computer's 64, and the same bytes come out of both.
tests/firmware/test_sha384.py runs this very source on numbers that watch over that bound.

The two functions below are compiled to machine code where the board's compiler can (``@micropython.viper``); a
bundle for a processor without one leaves the decorator's lines out, and they run as plain code. Nothing is allocated
per block. On CPython hashlib does the work (see ``digest``), and this code is for tests.
"""

import hashlib
from array import array
from binascii import unhexlify

try:
    import micropython
except ImportError:  # CPython

    class micropython:  # type: ignore[no-redef]
        viper = staticmethod(lambda function: function)


DIGEST_BYTES = 48
BLOCK_BYTES = 128


def ptr16(buffer):
    """Inside machine code this name is a type of the compiler's; outside, the array itself."""
    return buffer


# The first 64 bits of the fractional parts of the cube roots of the first 80 primes; of the square roots of the ninth
# to the sixteenth prime.
_K = array(
    "H",
    unhexlify(
        "22ae28d7982f8a42cd65ef23914437712f3b4deccffbc0b5bcdb8981a5dbb5e938b548f35bc2563919d005b6f111f1599b4f19af"
        "a4823f9218816ddad55e1cab420203a398aa07d8be6f7045015b83128cb2e44ebe853124e2b4ffd5c37d0c556f897bf2745dbe72"
        "b196163bfeb1de803512c725a706dc9b942669cf74f19bc1d24af19ec1699be4e3254f388647beefb5d58c8bc69dc10f659cac77"
        "cca10c2475022b596f2ce92d83e4a66eaa84744ad4fb41bddca9b05cb5531183da88f976abdf66ee52513e981032b42d6dc631a8"
        "3f21fb98c82703b0e40eefbec77f59bfc28fa83df30be0c625a70a934791a7d56f8203e05163ca06706e0e0a67292914fc2fd246"
        "850ab72726c9265c38211b2eed2ac45afc6d2c4ddfb3959d130d3853de63af8b54730a65a8b2773cbb0a6a76e6aeed472ec9c281"
        "3b358214852c72926403f14ca1e8bfa2013042bc4b661aa89197f8d0708b4bc230be5406a3516cc71852efd619e892d110a96555"
        "240699d62a20715785350ef4b8d1bb3270a06a10c8d0d2b816c1a41953ab4151086c371e99eb8edf4c774827a8489be1b5bcb034"
        "635ac9c5b30c1c39cb8a41e34aaad84e73e363774fca9c5ba3b8b2d6f36f2e68fcb2ef5dee828f74602f17436f63a57872abf0a1"
        "1478c884ec39641a0802c78c281e6323faffbe90e9bd82deeb6c50a41579c6b2f7a3f9be2b5372e3f27871c69c6126eace3e27ca"
        "07c2c021c7b886d11eebe0cdd67ddaea78d16eee7f4f7df5ba6f1772aa67f006a698c8a2c57d630aae0df9be04983f111b471c13"
        "350b711b847d0423f577db289324c7407babca32bcbec9150abe9e3c4c0d109cc4671d43b6423ecbbed4c54c2a7e65fc9c297f59"
        "ecfad63aab6fcb5f1758474a8c19446c"
    ),
)
_START = array(
    "H",
    unhexlify(
        "d89e05c15d9dbbcb07d57c362a299a6217dd70305a01599139590ef7d8ec2f15310bc0ff6726336711155868874ab48ea78ff964"
        "0d2e0cdba44ffabe1d48b547"
    ),
)
_schedule = array("H", bytes(80 * 8))
_working = array("H", bytes(8 * 8))
_state = array("H", bytes(8 * 8))
_block = bytearray(BLOCK_BYTES)


@micropython.viper
def _expand(schedule):
    w = ptr16(schedule)
    t: int = 64
    while t < 320:
        carry: int = 0
        i: int = 0
        while i < 4:
            # sigma 1 of word t-2, word t-7, sigma 0 of word t-15, word t-16 (all in limbs: four a word)
            a0: int = w[t - 8 + i]
            a1: int = w[t - 8 + ((i + 1) & 3)]
            a2: int = w[t - 8 + ((i + 2) & 3)]
            a3: int = w[t - 8 + ((i + 3) & 3)]
            b0: int = w[t - 60 + i]
            b1: int = w[t - 60 + ((i + 1) & 3)]
            up_a: int = a1 if i < 3 else 0  # a shift, unlike a rotation, brings noughts
            up_b: int = b1 if i < 3 else 0
            one: int = ((a1 >> 3) | (a2 << 13)) ^ ((a3 >> 13) | (a0 << 3)) ^ ((a0 >> 6) | (up_a << 10))
            nought: int = ((b0 >> 1) | (b1 << 15)) ^ ((b0 >> 8) | (b1 << 8)) ^ ((b0 >> 7) | (up_b << 9))
            total: int = carry + (one & 0xFFFF) + w[t - 28 + i] + (nought & 0xFFFF) + w[t - 64 + i]
            w[t + i] = total & 0xFFFF
            carry = total >> 16
            i += 1
        t += 4


@micropython.viper
def _mix(schedule, constants, working, state):
    w = ptr16(schedule)
    k = ptr16(constants)
    v = ptr16(working)
    s = ptr16(state)
    i: int = 0
    while i < 32:
        v[i] = s[i]
        i += 1
    # The eight working words stay where they are and change their names: a is at limb `at`, and each round begins one
    # word lower.
    at: int = 0
    t: int = 0
    while t < 320:
        a: int = at
        d: int = (at + 12) & 31
        e: int = (at + 16) & 31
        h: int = (at + 28) & 31
        b: int = (at + 4) & 31
        c: int = (at + 8) & 31
        f: int = (at + 20) & 31
        g: int = (at + 24) & 31
        # All of e, f, g and of a, b, c are read before anything is written: h and d alone change.
        first: int = 0
        second: int = 0
        carry: int = 0
        i = 0
        while i < 4:
            e0: int = v[e + i]
            e1: int = v[e + ((i + 1) & 3)]
            e2: int = v[e + ((i + 2) & 3)]
            e3: int = v[e + ((i + 3) & 3)]
            a0: int = v[a + i]
            a1: int = v[a + ((i + 1) & 3)]
            a2: int = v[a + ((i + 2) & 3)]
            a3: int = v[a + ((i + 3) & 3)]
            b0: int = v[b + i]
            c0: int = v[c + i]
            g0: int = v[g + i]
            sum_e: int = ((e0 >> 14) | (e1 << 2)) ^ ((e1 >> 2) | (e2 << 14)) ^ ((e2 >> 9) | (e3 << 7))
            sum_a: int = ((a1 >> 12) | (a2 << 4)) ^ ((a2 >> 2) | (a3 << 14)) ^ ((a2 >> 7) | (a3 << 9))
            choice: int = g0 ^ (e0 & (v[f + i] ^ g0))
            majority: int = (a0 & b0) ^ (a0 & c0) ^ (b0 & c0)
            first += v[h + i] + (sum_e & 0xFFFF) + choice + k[t + i] + w[t + i]
            second += (first & 0xFFFF) + (sum_a & 0xFFFF) + majority
            v[h + i] = second & 0xFFFF
            carry += v[d + i] + (first & 0xFFFF)
            v[d + i] = carry & 0xFFFF
            first >>= 16
            second >>= 16
            carry >>= 16
            i += 1
        at = (at + 28) & 31
        t += 4
    i = 0
    while i < 8:
        carry = 0
        t = 0
        while t < 4:
            carry += int(s[i * 4 + t]) + int(v[i * 4 + t])
            s[i * 4 + t] = carry & 0xFFFF
            carry >>= 16
            t += 1
        i += 1


def _compress():
    """The block in ``_block`` into ``_state``."""
    block, schedule = _block, _schedule
    at = 0
    for word in range(0, 64, 4):
        for limb in range(word + 3, word - 1, -1):
            schedule[limb] = block[at] << 8 | block[at + 1]
            at += 2
    _expand(schedule)
    _mix(schedule, _K, _working, _state)


def software_digest(parts, out):
    """SHA-384 of ``parts`` (a tuple of bytes-like objects, taken as one) into ``out`` (a bytearray of 48)."""
    state, block = _state, _block
    for i in range(32):
        state[i] = _START[i]
    filled = total = 0
    for part in parts:
        total += len(part)
        at = 0
        while at < len(part):
            some = min(BLOCK_BYTES - filled, len(part) - at)
            block[filled : filled + some] = part[at : at + some]
            filled += some
            at += some
            if filled == BLOCK_BYTES:
                _compress()
                filled = 0
    block[filled] = 0x80
    filled += 1
    if filled > BLOCK_BYTES - 16:
        for i in range(filled, BLOCK_BYTES):
            block[i] = 0
        _compress()
        filled = 0
    for i in range(filled, BLOCK_BYTES - 4):
        block[i] = 0
    bits = total * 8
    for i in range(4):
        block[BLOCK_BYTES - 1 - i] = bits >> 8 * i & 0xFF
    _compress()
    for i in range(24):
        limb = state[i // 4 * 4 + 3 - i % 4]
        out[2 * i] = limb >> 8
        out[2 * i + 1] = limb & 0xFF


def hashlib_digest(parts, out):
    """The same by hashlib."""
    digest = hashlib.sha384()  # type: ignore[attr-defined]
    for part in parts:
        digest.update(part)
    out[:] = digest.digest()


digest = hashlib_digest if hasattr(hashlib, "sha384") else software_digest
