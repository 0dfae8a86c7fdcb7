"""Handles: what joins one rider's entry and exit within one service day, and nothing else.

handle = SHA-256(token), token = HMAC-SHA256(nonce of the medium, service day in decimal ASCII). Whoever holds the
medium can derive the token; whoever sees a handle can do nothing with it.
"""

import hashlib
from binascii import hexlify

from firmware.report.seal import Hmac

DAY_MS = 86400000


def service_day(epoch_ms, day_start_ms):
    """Days since 1970-01-01 of a service day that begins ``day_start_ms`` after midnight UTC."""
    return (epoch_ms - day_start_ms) // DAY_MS


def handle(nonce, day):
    """64 hex digits."""
    token = Hmac(nonce).digest(str(day).encode())
    return hexlify(hashlib.sha256(token).digest()).decode()
