"""The test token: a medium for emulated readers only. Not part of a physical board's bundle.

22 bytes: ``GLT1``, product (``s`` single, ``d`` day), consent (``y``, ``n``), nonce (16 bytes). It proves nothing:
anybody can write one. It is never spent. A rider without consent gets no handle, not even inside the device.
"""

from firmware.fare.decision import Decision

_PRODUCTS = {115: "single", 100: "day"}
_CONSENTS = {121: True, 110: False}


def verify(medium, day):
    """A Decision, or None when this is no test token."""
    if len(medium) != 22 or medium[:4] != b"GLT1":
        return None
    product = _PRODUCTS.get(medium[4])
    consent = _CONSENTS.get(medium[5])
    if product is None or consent is None:
        return None
    return Decision(True, product, consent).of_medium(day, medium[6:])
