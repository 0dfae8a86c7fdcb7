"""What a kiosk prints: the ticket, the consent receipt, the receipt of an erasure. Dictionaries, and lines of text.

The consent receipt's members are docs/consent-receipt.md's. The gateway's notice brings a template in each language,
with three members left blank; the kiosk fills them, prints, and forgets: a receipt exists only with the rider. Its time
is rounded down to a quarter of an hour, its identifier is drawn for it alone, and nothing of the pass is on it.

Rule: no document names a sale number, a nullifier or a time finer than a quarter of an hour.
"""

import json
from binascii import hexlify

from firmware.kiosk import tickets

TIME_RESOLUTION_S = 900
_SHOWN = ("question", "what", "why", "how_long", "who", "no", "withdraw", "beware", "contact")


def _in_language(notice, member, language):
    """A notice's texts or template in ``language``, or in English, or None."""
    if notice is None:
        return None
    found = notice[member]
    return found.get(language) or found.get("en")


def notice_shown(notice, language):
    """``{"version", "title", "text"}`` for the screen; paragraphs are parted by an empty line. None without notice."""
    texts = _in_language(notice, "texts", language)
    if texts is None:
        return None
    paragraphs = [texts[name] for name in _SHOWN if name in texts]
    return {"version": notice["version"], "title": texts["title"], "text": "\n\n".join(paragraphs)}


def _quarter_hour(epoch_ms):
    """Seconds since 1970, rounded down; 0 where the kiosk has no valid clock."""
    seconds = 0 if epoch_ms is None else epoch_ms // 1000
    return seconds // TIME_RESOLUTION_S * TIME_RESOLUTION_S


def make(notice, language, sale, epoch_ms, random_bytes, collection_method):
    """The consent receipt of a sale, or None where the rider said no (or the notice's words are not at hand)."""
    if sale.choice != "research" or notice is None or notice["version"] != sale.notice:
        return None
    template = _in_language(notice, "receipt", language)
    if template is None:
        return None
    filled = json.loads(json.dumps(template))  # a copy to its depth
    filled["consentTimestamp"] = _quarter_hour(epoch_ms)
    filled["consentReceiptID"] = hexlify(random_bytes(16)).decode()
    filled["collectionMethod"] = collection_method
    return filled


def ticket(settings, keys, notice, language, sale, made):
    """The document of a pass: what the printer gets. ``valid_from`` and ``valid_to`` are service days."""
    return {
        "kind": "pass",
        "language": language,
        "site": settings.site,
        "product": sale.product,
        "choice": sale.choice,
        "exchanged": sale.kind == "exchange",
        "price_cents": settings.prices.get(sale.product, 0) if sale.kind == "buy" else 0,
        "currency": settings.currency,
        "valid_from": sale.first,
        "valid_to": sale.last,
        "pass_text": tickets.text(made),
        "list_hash": keys.hash,
        "notice": sale.notice,
        "receipt": None,
    }


def erasure(settings, language, epoch_ms, count):
    """The document that says what was erased: a number of records, and nothing of whose they were."""
    return {
        "kind": "erasure",
        "language": language,
        "site": settings.site,
        "erased": count,
        "time": _quarter_hour(epoch_ms),
    }


def paper(receipt):
    """The consent receipt as paragraphs for the printer: ``(member as the standards name it, text)``."""
    service = receipt["services"][0]
    purpose = service["purposes"][0]
    controller = receipt["piiControllers"][0]
    iso = receipt["iso27560"]
    return [
        ("version", receipt["version"]),
        ("consentReceiptID", receipt["consentReceiptID"]),
        ("consentTimestamp", "%d (%s UTC)" % (receipt["consentTimestamp"], clock(receipt["consentTimestamp"]))),
        ("collectionMethod", receipt["collectionMethod"]),
        ("jurisdiction", receipt["jurisdiction"]),
        ("piiController", controller["piiController"]),
        ("contact", controller["contact"]),
        ("policyUrl", receipt["policyUrl"]),
        ("service", service["service"]),
        ("purpose", purpose["purpose"]),
        ("purposeCategory", ", ".join(purpose["purposeCategory"])),
        ("consentType", purpose["consentType"]),
        ("piiCategory", ", ".join(purpose["piiCategory"])),
        ("termination", purpose["termination"]),
        ("thirdPartyDisclosure", "no"),
        ("sensitive", "no"),
        ("schema_version", iso["schema_version"]),
        ("privacy_notice", "%s, SHA-256 %s" % (iso["privacy_notice"]["version"], iso["privacy_notice"]["sha256"])),
        ("lawful_basis", iso["lawful_basis"]),
        ("pii_information", iso["pii_information"]),
        ("retention_period_days", str(iso["retention_period_days"])),
        ("recipients", iso["recipients"]),
        ("storage_locations", ", ".join(iso["storage_locations"])),
        ("processing_method", iso["processing_method"]),
        ("withdrawal_method", iso["withdrawal_method"]),
        ("privacy_rights", ", ".join(iso["privacy_rights"])),
        ("event_type", iso["event_type"]),
    ]


def clock(seconds):
    """``2026-11-24 15:00`` in UTC."""
    return "%s %02d:%02d" % (date(seconds // 86400), seconds // 3600 % 24, seconds // 60 % 60)


def date(day):
    """``2026-11-24`` of days since 1970 (Howard Hinnant's civil_from_days, for days from 1970 on)."""
    z = day + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return "%04d-%02d-%02d" % (yoe + era * 400 + (1 if month <= 2 else 0), month, doy - (153 * mp + 2) // 5 + 1)
