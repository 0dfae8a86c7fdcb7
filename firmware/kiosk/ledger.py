"""The ledger: what a kiosk owes at this moment, in durable storage. Money or pass, never neither.

Three files stand for one open sale (or exchange), and where they stand after a power cut says what to do:

=================  ===========  ===================================================================================
``sale-secret``    ``signed``   what it means
=================  ===========  ===================================================================================
whole              absent       ASKED: the signature may have been asked for. Ask again (the same bytes), or refund
whole              there        SIGNED: the pass can be made at any time. Print it (again), then keep the money
not whole          absent       REFUNDING: no pass can come of it any more. Return the money
not whole          there        KEEPING: the pass is printed. Keep the money
=================  ===========  ===================================================================================

``sale`` names product, choice, key (with its modulus, for a list may go) and number; without it nothing was asked for,
so whatever lies in the escrow goes back. The secret (nonce, inverse of the blind, blinded message, check sum) is never
written twice, and it ends by being overwritten *in place*: that is the one step that decides, it needs no room on a
full storage, and a cut in its midst leaves a wrong check sum, which counts as overwritten. The signed pass itself is
never stored: secret and signature make it anew. On a file system that copies on write (littlefs, a journalling flash
layer) the old blocks live until they are reused; see docs/kiosk.md.

Sale numbers count upward in ``sale-number``, which is written before a number is used.
"""

import hashlib
from binascii import hexlify, unhexlify

NUMBER = "sale-number"
SALE = "sale"
SECRET = "sale-secret"
SIGNED = "sale-signed"

IDLE = 0
ASKED = 1
SIGNED_STAGE = 2
REFUNDING = 3
KEEPING = 4

NONCE_BYTES = 32
MODULUS_BYTES = 256
_SUM_BYTES = 32
_SECRET_BYTES = NONCE_BYTES + 2 * MODULUS_BYTES + _SUM_BYTES

BUY = "buy"
EXCHANGE = "exchange"


def _hex(raw):
    return hexlify(raw).decode()


class Sale:
    """One open sale or exchange. ``kind`` BUY or EXCHANGE; ``modulus`` (256 bytes) and ``key_id`` (8) of the key,
    valid on the service days ``first`` to ``last``; ``nullifier`` (hex) and ``to_day`` of the old pass of an
    exchange, else "-" and 0. The secrets are None once they are overwritten."""

    def __init__(self, number, kind, product, choice, notice, key_id, modulus, first, last, nullifier="-", to_day=0):
        self.number = number
        self.kind = kind
        self.product = product
        self.choice = choice
        self.notice = notice
        self.key_id = key_id
        self.modulus = modulus
        self.first = first
        self.last = last
        self.nullifier = nullifier
        self.to_day = to_day
        self.nonce = None
        self.inverse = None
        self.blinded = None
        self.signature = None

    def encode(self):
        head = "%d %s %s %s %s " % (self.number, self.kind, self.product, self.choice, self.notice)
        key = "%s %s %d %d " % (_hex(self.key_id), _hex(self.modulus), self.first, self.last)
        return (head + key + "%s %d" % (self.nullifier, self.to_day)).encode()


def _decode(data):
    f = data.decode().split(" ")
    return Sale(
        int(f[0]), f[1], f[2], f[3], f[4], unhexlify(f[5]), unhexlify(f[6]), int(f[7]), int(f[8]), f[9], int(f[10])
    )


class Ledger:
    """At most one open sale. Every method is durable when it returns; OSError where the storage is full or broken."""

    def __init__(self, storage):
        self._storage = storage
        self.stage = IDLE
        self.sale = None
        self.untidy = False  # files of a sale that was never opened are still there
        self._load()

    def _load(self):
        storage = self._storage
        head = storage.read(SALE)
        if head is None:
            # Cut before anything was asked for, or in the last steps of the end.
            self._clear()
            return
        try:
            sale = _decode(head)
        except (ValueError, IndexError):  # written whole or not at all, so the storage itself has spoilt it
            self._clear()
            return
        self.sale = sale
        sale.signature = storage.read(SIGNED)
        secret = storage.read(SECRET)
        whole = secret is not None and len(secret) == _SECRET_BYTES
        whole = whole and hashlib.sha256(secret[:-_SUM_BYTES]).digest() == secret[-_SUM_BYTES:]
        if whole:
            sale.nonce = secret[:NONCE_BYTES]
            sale.inverse = secret[NONCE_BYTES : NONCE_BYTES + MODULUS_BYTES]
            sale.blinded = secret[NONCE_BYTES + MODULUS_BYTES : -_SUM_BYTES]
            self.stage = ASKED if sale.signature is None else SIGNED_STAGE
        else:
            self._overwrite()  # a cut may have left half of it
            self.stage = REFUNDING if sale.signature is None else KEEPING

    def next_number(self):
        """A sale number that was never used, durable before it is returned."""
        try:
            number = int(self._storage.read(NUMBER) or 0)
        except ValueError:
            number = 0
        number += 1
        self._storage.write(NUMBER, str(number).encode())
        return number

    def open(self, sale, nonce, inverse, blinded):
        """Keep a sale and its secrets before the signature is asked for."""
        if self.stage != IDLE:
            raise ValueError("a sale is open already")
        secret = nonce + inverse + blinded
        try:
            self._storage.write(SECRET, secret + hashlib.sha256(secret).digest())
            self._storage.write(SALE, sale.encode())
        except OSError:
            self.untidy = True
            self.tidy()
            raise
        sale.nonce, sale.inverse, sale.blinded = nonce, inverse, blinded
        self.sale = sale
        self.stage = ASKED

    def tidy(self):
        """Remove what a failed ``open`` has left, as soon as the storage lets it."""
        if self.untidy and self.stage == IDLE:
            try:
                self._clear()
                self.untidy = False
            except OSError:
                pass  # tried again later; without ``sale`` it means nothing

    def signed(self, signature):
        """The blind signature is there: from here on there is only forward."""
        self._storage.write(SIGNED, signature)
        self.sale.signature = signature
        self.stage = SIGNED_STAGE

    def hold(self, signature):
        """The signature, in memory alone: for an exchange on a storage that takes nothing more."""
        self.sale.signature = signature
        self.stage = SIGNED_STAGE

    def unsigned(self):
        """Back to ASKED, where surely nothing was printed: the only way from a signature to a refund."""
        if self._storage.read(SIGNED) is not None:
            self._storage.remove(SIGNED)
        self.sale.signature = None
        self.stage = ASKED

    def decide(self):
        """Overwrite the secrets: a signed sale is kept from now on, an unsigned one refunded."""
        sale = self.sale
        if sale.signature is None and self._storage.read(SIGNED) is not None:
            # Its writing failed, yet there it is: after a power cut it would say "keep the money".
            self._storage.remove(SIGNED)
        self._overwrite()
        sale.nonce = sale.inverse = sale.blinded = None
        self.stage = REFUNDING if sale.signature is None else KEEPING

    def close(self):
        """Money and records are as they should be: forget the sale."""
        self._clear()
        self.sale = None
        self.stage = IDLE

    def _overwrite(self):
        if self._storage.read(SECRET) is not None:
            self._storage.overwrite(SECRET)

    def _clear(self):
        """Remove the files; ``sale`` last but for the signature, which means nothing without it."""
        storage = self._storage
        self._overwrite()
        for name in (SECRET, SALE, SIGNED):
            if storage.read(name) is not None:
                storage.remove(name)
