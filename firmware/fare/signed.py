"""What the network's list key signs: the key list and the pages of the spent set (docs/passes.md, "The key list").

Messages are in canonical form and end in 354 bytes, ``,"sig":"<344 characters of base64>"}``. They are read from front
to back by a cursor, because a parser of all JSON would need several times their size; another form than the canonical
one raises ValueError here, and nothing else does.
"""

from binascii import a2b_base64

TAIL_BYTES = 354
_HEAD = b',"sig":"'
_END = b'"}'


def body_of(payload, context, list_key, verify):
    """What is signed of ``payload`` (bytes), as a memoryview. ValueError when it is not signed by ``list_key``."""
    start = len(payload) - TAIL_BYTES
    if start < 2 or payload[start : start + 8] != _HEAD or payload[-2:] != _END:
        raise ValueError("no signature")
    signature = a2b_base64(payload[start + 8 : -2])  # ValueError, on CPython a kind of it
    body = memoryview(payload)[:start]
    if len(signature) != 256 or not verify(list_key, (context, b"\0", body), signature):
        raise ValueError("not signed by the list key")
    return body


class Cursor:
    """Reads ``payload`` (bytes or a memoryview of them) from front to back; everything raises ValueError."""

    def __init__(self, payload):
        self._payload = payload
        self._at = 0

    def skip(self, expected):
        """What must come next."""
        end = self._at + len(expected)
        if self._payload[self._at : end] != expected:
            raise ValueError("not in canonical form")
        self._at = end

    def next_is(self, expected):
        """Skip it if it comes next; whether it did."""
        end = self._at + len(expected)
        if self._payload[self._at : end] != expected:
            return False
        self._at = end
        return True

    def take(self, length):
        """That many bytes."""
        end = self._at + length
        if end > len(self._payload):
            raise ValueError("too short")
        taken = bytes(self._payload[self._at : end])
        self._at = end
        return taken

    def integer(self, limit=1 << 53):
        """A whole number from 0 to below ``limit``, without a leading nought."""
        value = 0
        start = self._at
        while self._at < len(self._payload) and 48 <= self._payload[self._at] <= 57:
            value = value * 10 + self._payload[self._at] - 48
            self._at += 1
            if value >= limit:
                raise ValueError("too large")
        digits = self._at - start
        if not digits or (digits > 1 and self._payload[start] == 48):
            raise ValueError("not a whole number")
        return value

    def text(self, longest):
        """Up to a quotation mark, which is skipped: a name of small letters, digits and ``-``."""
        start = self._at
        while self._at < len(self._payload) and self._payload[self._at] != 34:
            character = self._payload[self._at]
            if not (97 <= character <= 122 or 48 <= character <= 57 or character == 45):
                raise ValueError("not a name")
            self._at += 1
        end = self._at
        self.skip(b'"')
        if not 1 <= end - start <= longest:
            raise ValueError("not a name")
        return bytes(self._payload[start:end]).decode()

    def left(self):
        """How many bytes are left."""
        return len(self._payload) - self._at

    def ends(self):
        """Nothing may be left."""
        if self._at != len(self._payload):
            raise ValueError("something behind the end")


def small_hex(text):
    """Bytes of small hexadecimal digits. ValueError, also for capitals."""
    raw = bytearray(len(text) // 2)
    for index in range(len(text)):
        character = text[index]
        if 48 <= character <= 57:
            value = character - 48
        elif 97 <= character <= 102:
            value = character - 87
        else:
            raise ValueError("not hexadecimal")
        raw[index >> 1] |= value if index & 1 else value << 4
    return bytes(raw)
