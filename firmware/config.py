"""A device's settings, from ``settings.json`` in its storage, and the limits that hold for every device.

Site and class come from provisioning (`gateline device add`). A physical bundle refuses an emulated site's settings.
"""

import json
from binascii import a2b_base64, unhexlify

VERSION = "0.1.0"

# The heap that the whole firmware must run in, in bytes, on a 64-bit build. Two thirds of it is code. Pointers and so
# most objects are half as large on a 32-bit board; buffers (about 26 KiB for passes) are not. So it needs 133 to 197
# KiB of the 197 KiB that a Pico W has free after boot, less where the code is frozen into its flash: decision 10. The
# emulated processes run under it, and a test fails when the firmware outgrows it.
HEAP_LIMIT_BYTES = 240 * 1024

try:
    import firmware.report.irregular  # noqa: F401

    EMULATED_BUNDLE = True
except ImportError:
    EMULATED_BUNDLE = False

QUARTER_HOUR_MS = 900000
DAY_MS = 86400000
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"


class SettingsError(Exception):
    """What is wrong in the settings, and where."""


def _wrong(name, given, wanted):
    given = "missing or null" if given is None else repr(given)[:60]
    return SettingsError("settings: %s is %s; it must be %s" % (name, given, wanted))


def _section(values, name):
    section = values.get(name, {})
    if not isinstance(section, dict):
        raise _wrong(name, section, "an object { } of settings")
    return section


def _whole(section, path, default, low, high, step=1):
    """The whole number at ``path``, ``low`` to ``high`` inclusive, a multiple of ``step``; ``default`` where absent."""
    value = section.get(path.split(".")[-1], default)
    if type(value) is not int or not low <= value <= high or value % step:
        wanted = "a whole number from %d to %d" % (low, high)
        raise _wrong(path, value, wanted if step == 1 else "%s, a multiple of %d" % (wanted, step))
    return value


def _text(section, path, secret=False):
    value = section.get(path.split(".")[-1])
    if type(value) is not str or not value:
        raise _wrong(path, "not shown here" if secret and value else value, "a text that is not empty")
    return value


def _name(values, path):
    value = _text(values, path)
    if len(value) > 32 or value[0] == "-" or any(character not in _NAME_CHARACTERS for character in value):
        raise _wrong(path, value, "1 to 32 of a-z, 0-9 and -, not beginning with -")
    return value


def _choice(section, path, default, allowed):
    value = section.get(path.split(".")[-1], default)
    if value not in allowed or type(value) is not type(allowed[0]):
        raise _wrong(path, value, " or ".join(str(item).lower() for item in allowed))
    return value


def _key(values):
    try:
        key = unhexlify(values.get("key"))
    except (ValueError, TypeError):
        key = b""
    if len(key) != 32:
        raise SettingsError("settings: key must be 64 hex digits")  # what was given may be most of a secret
    return key


def _list_key(passes):
    """The modulus that key lists are signed with (256 bytes), or None."""
    given = passes.get("list_key")
    if given is None:
        return None
    try:
        n = a2b_base64(given) if type(given) is str and len(given) == 344 else b""
    except ValueError:
        n = b""
    if len(n) != 256 or not n[0] & 0x80 or not n[255] & 1:
        raise _wrong("passes.list_key", given, "344 characters of base64: an RSA modulus of 2048 bits")
    return n


def _layout(lane):
    """Where each beam of a profile is: [x_mm, z_mm]."""
    layout = lane.get("layout")
    wanted = "8 to 24 places [x_mm, z_mm] at 2 or 3 heights, at least 2 of them at the highest"
    if not isinstance(layout, list) or not 8 <= len(layout) <= 24:
        raise _wrong("lane.layout", layout, wanted)
    heights = []
    for place in layout:
        whole = isinstance(place, list) and len(place) == 2 and type(place[0]) is int and type(place[1]) is int
        if not whole or place[0] < 0 or place[1] < 0:
            raise _wrong("lane.layout", place, wanted)
        heights.append(place[1])
    if not 2 <= len(set(heights)) <= 3 or heights.count(max(heights)) < 2:
        raise _wrong("lane.layout", layout, wanted)
    return layout


class Settings:
    """``values``: the dictionary that provisioning wrote, plus the lane's own settings (docs/settings.md). Raises
    SettingsError."""

    def __init__(self, values, emulated_bundle=EMULATED_BUNDLE):
        if not isinstance(values, dict):
            raise _wrong("settings.json", values, "an object { } of settings")
        self.site = _name(values, "site")
        self.device = _name(values, "device")
        self.site_class = _choice(values, "class", None, ("emulated", "physical"))
        self.key = _key(values)
        self.emulated = self.site_class == "emulated"
        if self.emulated and not emulated_bundle:
            raise SettingsError(
                "settings: this board's bundle is for physical sites; it refuses an emulated site's settings"
            )
        if not self.emulated and emulated_bundle:
            raise SettingsError("settings: an emulated board can't serve a physical site; build the physical bundle")
        if "broker" not in values:
            raise SettingsError("settings: broker is missing; give null for a device without a network")
        self.networked = values["broker"] is not None
        if self.networked:
            broker = _section(values, "broker")
            self.host = _text(broker, "broker.host")
            self.port = _whole(broker, "broker.port", None, 1, 65535)
            self.user = _text(broker, "broker.user")
            self.password = _text(broker, "broker.password", True)
        lane = _section(values, "lane")
        self.way = _choice(lane, "lane.way", "entry", ("entry", "exit"))
        self.detector = _choice(lane, "lane.detector", "ordered", ("ordered", "single", "profile"))
        single = self.detector == "single"
        self.beams = _whole(lane, "lane.beams", 1 if single else 4, 1 if single else 2, 1 if single else 24)
        self.layout = _layout(lane) if self.detector == "profile" else None
        self.release_ms = _whole(lane, "lane.release_ms", 5000, 100, 3600000)
        self.refuse_ms = _whole(lane, "lane.refuse_ms", 1500, 100, 3600000)
        passes = _section(values, "passes")
        self.list_key = _list_key(passes)
        self.spent_pages = _whole(passes, "passes.spent_pages", 4, 1, 16)
        self.passback_ms = _whole(passes, "passes.passback_ms", 600000, 0, DAY_MS)
        report = _section(values, "report")
        # A physical site may make its intervals and tallies coarser, never finer, and never send at once.
        step_ms = 1 if self.emulated else QUARTER_HOUR_MS
        self.interval_ms = _whole(report, "report.interval_ms", QUARTER_HOUR_MS, max(1000, step_ms), DAY_MS, step_ms)
        self.tally_min = _whole(report, "report.tally_min", 10, 1 if self.emulated else 10, 10000)
        self.day_start_ms = _whole(report, "report.day_start_ms", 0, 0, DAY_MS - 1, QUARTER_HOUR_MS)
        allowed = (True, False) if self.emulated else (False,)
        self.send_at_once = _choice(report, "report.send_at_once", self.emulated, allowed)
        self.outbox_records = _whole(report, "report.outbox_records", 512, 64, 100000)
        self.resend_ms = _whole(report, "report.resend_ms", 5000, 100, 3600000)

    def passes_topic(self):
        """What the topics of key list and spent set begin with."""
        return "gateline/1/%s/passes/" % self.site

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
