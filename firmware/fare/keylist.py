"""The key list: which keys verify passes, as the network's list key signed it (docs/passes.md, "The key list").

Rules: at most 8 KiB and 16 keys; a list that is not signed, is older than the one held, or differs from it under the
same serial is refused, and no bytes make anything raise. The list lies whole in durable storage, so its serial never
falls, not even by a power cut; one that the list key does not verify any more (the setting was changed) is dropped.
"""

import hashlib
from binascii import a2b_base64, hexlify

from firmware.fare import signed
from firmware.fare.rsa import verify_pss

LIST_MAX_BYTES = 8192
KEYS_MAX = 16
SAME = "same"
NEW = "new"
REFUSED = "refused"
_FILE = "keys"
_CONTEXT = b"gateline/1/passes/keys"
_PRODUCTS = ("single", "day")
_CHOICES = ("research", "none")


class Key:
    """``id``: 8 bytes; ``n``: the modulus, 256 bytes, big-endian; days are service days, both ends included."""

    def __init__(self, key_id, product, choice, notice, first, sold_to, to, n):
        self.id = key_id
        self.product = product
        self.choice = choice
        self.notice = notice
        self.first = first  # `from` on the wire
        self.sold_to = sold_to
        self.to = to
        self.n = n


class KeyList:
    """``list_key``: its modulus, 256 bytes, or None: then no list is ever accepted."""

    def __init__(self, storage, list_key, verify=verify_pss):
        self._storage = storage
        self._list_key = list_key
        self._verify = verify
        self.serial = -1
        self.hash = ""  # 64 hex digits once there is a list
        self.keys = ()
        if list_key is not None:
            payload = storage.read(_FILE)
            if payload is not None:
                self._take(payload)

    def __bool__(self):
        """Whether there is a list."""
        return bool(self.hash)

    def accept(self, payload):
        """NEW, SAME or REFUSED for a list (bytes) that came. A new one is durable then, unless the storage is full."""
        result = self._take(payload)
        if result == NEW:
            try:
                self._storage.write(_FILE, payload)
            except OSError:
                pass  # a full storage: the list holds until the next boot, and is retained at the broker
        return result

    def _take(self, payload):
        if self._list_key is None or len(payload) > LIST_MAX_BYTES:
            return REFUSED
        try:
            body = signed.body_of(payload, _CONTEXT, self._list_key, self._verify)
            serial, keys = _read(body)
        except ValueError:
            return REFUSED
        digest = hexlify(hashlib.sha256(body).digest()).decode()
        if serial == self.serial and digest == self.hash:
            return SAME
        if serial <= self.serial:
            return REFUSED
        self.serial = serial
        self.hash = digest
        self.keys = keys
        return NEW

    def find(self, key_id):
        """The key with this id (8 bytes), or None."""
        for key in self.keys:
            if key.id == key_id:
                return key
        return None

    def twin(self, key):
        """The key of the other choice, of the same product and days; None where there is none."""
        for other in self.keys:
            if other.choice != key.choice and other.product == key.product and other.first == key.first:
                return other
        return None

    def newest(self, product, choice, day):
        """The newest key from which this product with this choice is sold on service day ``day``, or None."""
        newest = None
        for key in self.keys:
            fits = key.product == product and key.choice == choice and key.first <= day <= key.sold_to
            if fits and (newest is None or key.first > newest.first):
                newest = key
        return newest


def _read(body):
    """(serial, keys); ValueError."""
    cursor = signed.Cursor(body)
    cursor.skip(b'{"v":1,"serial":')
    serial = cursor.integer()
    cursor.skip(b',"keys":[')
    keys: list = []
    while not cursor.next_is(b"]"):
        if len(keys) == KEYS_MAX:
            raise ValueError("too many keys")
        if keys:
            cursor.skip(b",")
        keys.append(_read_key(cursor))
    cursor.ends()
    return serial, tuple(keys)


def _read_key(cursor):
    cursor.skip(b'{"id":"')
    key_id = signed.small_hex(cursor.take(16))
    cursor.skip(b'","product":"')
    product = cursor.text(6)
    cursor.skip(b',"choice":"')
    choice = cursor.text(8)
    cursor.skip(b',"notice":"')
    notice = cursor.text(32)
    cursor.skip(b',"from":')
    first = cursor.integer()
    cursor.skip(b',"sold_to":')
    sold_to = cursor.integer()
    cursor.skip(b',"to":')
    to = cursor.integer()
    cursor.skip(b',"n":"')
    n = a2b_base64(cursor.take(344))
    cursor.skip(b'"}')
    known = product in _PRODUCTS and choice in _CHOICES and first <= sold_to <= to
    if not known or len(n) != 256 or hashlib.sha256(n).digest()[:8] != key_id:
        raise ValueError("not a key")
    return Key(key_id, product, choice, notice, first, sold_to, to, n)
