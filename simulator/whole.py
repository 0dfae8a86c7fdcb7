"""Files that are whole or not there: written beside their place, then moved into it."""

from pathlib import Path


def write_whole(target: Path, text: str) -> None:
    """The whole file, or what was there before. Raises OSError."""
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
