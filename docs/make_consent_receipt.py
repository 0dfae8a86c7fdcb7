"""Writes docs/consent-receipt.schema.json from the receipt's form; `python docs/make_consent_receipt.py`."""

import json
from pathlib import Path

from gateway.consent.receipt import schema


def text() -> str:
    """The file as it should be."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("consent-receipt.schema.json").write_text(text(), encoding="utf-8")
