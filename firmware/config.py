"""A device's settings, from ``settings.json`` in its storage, and the limits that hold for every device.

Site and class come from provisioning (`gateline device add`). A physical bundle refuses an emulated site's settings.
"""

import json
from binascii import unhexlify

VERSION = "0.1.0"

# The heap that the whole firmware must run in, in bytes, on a 64-bit build. Two thirds of it is code. Pointers and so
# most objects are half as large on a 32-bit board, which needs 0.5 to 0.8 of this: 80 to 128 KiB of the 197 KiB that a
# Pico W has free after boot. The emulated processes run under it, and a test fails when the firmware outgrows it.
HEAP_LIMIT_BYTES = 160 * 1024

try:
    import firmware.report.irregular  # noqa: F401

    EMULATED_BUNDLE = True
except ImportError:
    EMULATED_BUNDLE = False

QUARTER_HOUR_MS = 900000


class SettingsError(Exception):
    """What is wrong in the settings, and where."""


class Settings:
    """``values``: the dictionary that provisioning wrote, plus the lane's own settings. Raises SettingsError."""

    def __init__(self, values, emulated_bundle=EMULATED_BUNDLE):
        try:
            self.site = values["site"]
            self.device = values["device"]
            self.site_class = values["class"]
            self.key = unhexlify(values["key"])
            broker = values["broker"]
            self.networked = broker is not None
            if self.networked:
                self.host = broker["host"]
                self.port = int(broker["port"])
                self.user = broker["user"]
                self.password = broker["password"]
        except (KeyError, ValueError, TypeError) as error:
            raise SettingsError("settings: missing or malformed: %s" % error) from error
        if self.site_class not in ("emulated", "physical"):
            raise SettingsError("settings: class must be emulated or physical, not %s" % self.site_class)
        if len(self.key) != 32:
            raise SettingsError("settings: key must be 64 hex digits")
        self.emulated = self.site_class == "emulated"
        if self.emulated and not emulated_bundle:
            raise SettingsError(
                "settings: this board's bundle is for physical sites; it refuses an emulated site's settings"
            )
        if not self.emulated and emulated_bundle:
            raise SettingsError("settings: an emulated board can't serve a physical site; build the physical bundle")
        lane = values.get("lane", {})
        self.way = lane.get("way", "entry")
        if self.way not in ("entry", "exit"):
            raise SettingsError("settings: lane.way must be entry or exit, not %s" % self.way)
        self.beams = int(lane.get("beams", 4))
        self.release_ms = int(lane.get("release_ms", 5000))
        self.refuse_ms = int(lane.get("refuse_ms", 1500))
        report = values.get("report", {})
        self.interval_ms = int(report.get("interval_ms", QUARTER_HOUR_MS))
        self.tally_min = int(report.get("tally_min", 10))
        self.day_start_ms = int(report.get("day_start_ms", 0))
        self.send_at_once = bool(report.get("send_at_once", self.emulated))
        self.outbox_records = int(report.get("outbox_records", 512))
        self.resend_ms = int(report.get("resend_ms", 5000))
        if not self.emulated and (self.interval_ms < QUARTER_HOUR_MS or self.tally_min < 10 or self.send_at_once):
            raise SettingsError("settings: a physical site may not shorten interval_ms or tally_min, nor send at once")

    def topic(self, channel):
        return "gateline/1/%s/%s/%s" % (self.site, self.device, channel)


def load(storage):
    """Settings from ``settings.json``. Raises SettingsError."""
    text = storage.read("settings.json")
    if text is None:
        raise SettingsError("settings: settings.json is missing from the board's storage")
    try:
        return Settings(json.loads(text))
    except ValueError as error:
        raise SettingsError("settings: settings.json is not JSON: %s" % error) from error
