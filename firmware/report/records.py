"""Records and messages as bytes, in the order and form of docs/protocol.md (canonical JSON, integers and ASCII only).

Written by hand because ``json.dumps`` orders and spaces differently on the two runtimes. Records about one irregular
passage are not here: see irregular.py, which a physical board does not have.
"""

PROTOCOL = 1
RECORDS_MAX = 64
IRREGULAR_KINDS = ("tailgate", "reverse", "forced", "jump", "crawl", "passback")
_TRANSIT_STEP_MS = 250


def passage(at, way, product, handle, transit_ms):
    """One consented passage. ``at`` epoch ms; ``transit_ms`` is rounded to 250 ms (it comes from a body)."""
    rounded_ms = (transit_ms + _TRANSIT_STEP_MS // 2) // _TRANSIT_STEP_MS * _TRANSIT_STEP_MS
    return (
        '{"kind":"passage","at":%d,"way":"%s","product":"%s","handle":"%s","transit_ms":%d}'
        % (at, way, product, handle, rounded_ms)
    ).encode()


def tally(start, end, entries, exits, paid, free, declined, irregular=0, notices=0, folds=1):
    """Counts of passages without records of their own, over [start, end) in epoch ms."""
    return (
        '{"kind":"tally","from":%d,"to":%d,"entries":%d,"exits":%d,"paid":%d,"free":%d,"declined":%d,'
        '"irregular":%d,"notices":%d,"folds":%d}'
        % (start, end, entries, exits, paid, free, declined, irregular, notices, folds)
    ).encode()


def daily(day, refused, irregular):
    """A service day's totals; ``irregular`` maps kinds to counts."""
    counts = "".join(',"%s":%d' % (kind, irregular.get(kind, 0)) for kind in IRREGULAR_KINDS)
    return ('{"kind":"daily","day":%d,"refused":%d%s}' % (day, refused, counts)).encode()


def spent(to_day, nullifiers):
    """Used singles; ``nullifiers``: 1 to 64 texts of 32 hex digits, of keys whose last valid day is ``to_day``."""
    return ('{"kind":"spent","to":%d,"nullifiers":["%s"]}' % (to_day, '","'.join(nullifiers))).encode()


def sales(start, end, single, day, refunds, exchanges):
    """What a kiosk handed over in [start, end) in epoch ms, counted."""
    return (
        '{"kind":"sales","from":%d,"to":%d,"single":%d,"day":%d,"refunds":%d,"exchanges":%d}'
        % (start, end, single, day, refunds, exchanges)
    ).encode()


def consents(start, end, notice_version, research, none):
    """How a kiosk's riders answered one version of the notice in [start, end) in epoch ms, counted."""
    return (
        '{"kind":"consents","from":%d,"to":%d,"notice":"%s","research":%d,"none":%d}'
        % (start, end, notice_version, research, none)
    ).encode()


def notice(at, what, folds=1):
    """A ``device`` record: boot, fault, recovered, fire_on, fire_off, storage_lost, keys_refused."""
    return ('{"kind":"device","at":%d,"what":"%s","folds":%d}' % (at, what, folds)).encode()


def batch(device, boot, seq, records):
    head = '{"v":%d,"device":"%s","boot":%d,"seq":%d,"records":[' % (PROTOCOL, device, boot, seq)
    return head.encode() + b",".join(records) + b"]}"


def online(boot, firmware, keys=""):
    """``keys``: the hash of the key list that the device holds (64 hex digits), or empty."""
    return (
        '{"v":%d,"state":"online","boot":%d,"firmware":"%s","keys":"%s"}' % (PROTOCOL, boot, firmware, keys)
    ).encode()


def lost(boot):
    """The will. A broker sends it, so it carries no seal."""
    return ('{"v":%d,"state":"lost","boot":%d}' % (PROTOCOL, boot)).encode()


def health(boot, heap_free, worst_tick_ms, outbox, refused_stored):
    return (
        '{"v":%d,"boot":%d,"heap_free":%d,"worst_tick_ms":%d,"outbox":%d,"refused_stored":%d}'
        % (PROTOCOL, boot, heap_free, worst_tick_ms, outbox, refused_stored)
    ).encode()
