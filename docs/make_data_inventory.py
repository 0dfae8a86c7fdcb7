"""Writes docs/data-inventory.md from the schema and gateway/consent/inventory.toml.

Run it as `python docs/make_data_inventory.py`.
"""

from pathlib import Path

from gateway.consent.inventory import differences, markdown

if __name__ == "__main__":
    if missing := differences():
        raise SystemExit("\n".join(missing))
    Path(__file__).with_name("data-inventory.md").write_text(markdown(), encoding="utf-8")
