"""The kiosk's touch page: CPython on a Raspberry Pi (or where the demo runs) only, in no device's bundle."""
