"""The consent receipt: its form, and what of it a notice decides.

A rider who says yes gets a receipt, on paper and as JSON. The kiosk makes it and forgets it: it exists only with the
rider, and no part of it reaches the gateway. Members in camel case are those of the Kantara Initiative's Consent
Receipt v1.1; ``iso27560`` has what ISO/IEC TS 27560:2023 asks for beyond them, under its names. Two things are left out
on purpose (docs/consent-receipt.md says why): the identifier of the principal, and the exact time.

Rule: the form is closed; docs/consent-receipt.schema.json is made from it, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.consent.notices import NO_OPERATOR, Notice, in_language

VERSION: Final = "KI-CR-v1.1.0"
JURISDICTION: Final = "unspecified"
TIME_RESOLUTION_S: Final = 900
# What the kiosk fills in.
BLANKS: Final = ("consentTimestamp", "consentReceiptID", "collectionMethod")

Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Language = Annotated[str, Meta(pattern="^[a-z]{2,3}$")]
NoticeVersion = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]{0,15}$")]


class Controller(Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers for the records: the operator as set with `gateline notice operator`."""

    piiController: Text
    contact: Text


class Purpose(Struct, frozen=True, forbid_unknown_fields=True):
    """The one purpose; every text is the notice's, in the rider's language."""

    purpose: Text
    purposeCategory: tuple[Literal["Improve performance"]]
    consentType: Literal["EXPLICIT"]
    piiCategory: tuple[Literal["passage", "pseudonym of one day"], ...]
    primaryPurpose: Literal[True]
    termination: Text
    thirdPartyDisclosure: Literal[False]


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """What the consent is about."""

    service: Text
    purposes: tuple[Purpose]


class PrivacyNotice(Struct, frozen=True, forbid_unknown_fields=True):
    """Which words the rider was shown: the version, and the SHA-256 of all its texts."""

    version: NoticeVersion
    sha256: Hex64


class Iso27560(Struct, frozen=True, forbid_unknown_fields=True):
    """What ISO/IEC TS 27560:2023 asks for beyond Kantara's members."""

    schema_version: Literal["ISO/IEC TS 27560:2023"]
    privacy_notice: PrivacyNotice
    lawful_basis: Literal["consent"]
    pii_information: Text
    retention_period_days: Annotated[int, Meta(ge=1, le=366)]
    recipients: Text
    storage_locations: tuple[Literal["the gateway's database"]]
    processing_method: Literal["stored by row, counted, deleted after the retention period"]
    withdrawal_method: Text
    privacy_rights: tuple[Literal["access", "erasure", "withdrawal"], ...]
    event_type: Literal["consent given"]


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole receipt. ``consentTimestamp``: seconds since 1970 in UTC, rounded down to a quarter hour."""

    version: Literal["KI-CR-v1.1.0"]
    jurisdiction: Text
    consentTimestamp: Annotated[int, Meta(ge=0, le=2**53 - 1, multiple_of=TIME_RESOLUTION_S)]
    collectionMethod: Text
    consentReceiptID: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    language: Language
    piiControllers: tuple[Controller]
    policyUrl: Annotated[str, Meta(pattern="^/v1/notices/[a-z0-9][a-z0-9.-]{0,15}$")]
    services: tuple[Service]
    sensitive: Literal[False]
    spiCat: tuple[()]
    iso27560: Iso27560


_SERVICE: Final = {"en": "Research on fare gates", "de": "Forschung an Fahrkartensperren"}


def template(notice: Notice, language: str, operator: str, contact: str) -> dict[str, Any]:
    """A receipt in ``language`` with all that the notice decides; :data:`BLANKS` are None, for the kiosk to fill."""
    texts: Mapping[str, str] = notice.filled(operator, contact)[language]
    return {
        "version": VERSION,
        "jurisdiction": JURISDICTION,
        "consentTimestamp": None,
        "collectionMethod": None,
        "consentReceiptID": None,
        "language": language,
        "piiControllers": [
            {"piiController": operator or in_language(NO_OPERATOR, language), "contact": texts["contact"]}
        ],
        "policyUrl": f"/v1/notices/{notice.version}",
        "services": [
            {
                "service": in_language(_SERVICE, language),
                "purposes": [
                    {
                        "purpose": texts["why"],
                        "purposeCategory": ["Improve performance"],
                        "consentType": "EXPLICIT",
                        "piiCategory": ["passage", "pseudonym of one day"],
                        "primaryPurpose": True,
                        "termination": texts["how_long"],
                        "thirdPartyDisclosure": False,
                    }
                ],
            }
        ],
        "sensitive": False,
        "spiCat": [],
        "iso27560": {
            "schema_version": "ISO/IEC TS 27560:2023",
            "privacy_notice": {"version": notice.version, "sha256": notice.sha256},
            "lawful_basis": "consent",
            "pii_information": texts["what"],
            "retention_period_days": notice.keep_days,
            "recipients": texts["who"],
            "storage_locations": ["the gateway's database"],
            "processing_method": "stored by row, counted, deleted after the retention period",
            "withdrawal_method": texts["withdraw"],
            "privacy_rights": ["access", "erasure", "withdrawal"],
            "event_type": "consent given",
        },
    }


def decode(data: bytes) -> Receipt:
    """A receipt from JSON; msgspec.ValidationError (a ValueError) says which member is wrong."""
    return msgspec.json.decode(data, type=Receipt)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a receipt."""
    made = msgspec.json.schema(Receipt)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Consent receipt",
        **made,
    }
