"""What a device has counted and not told yet, read from its own durable storage.

A tally closes once it holds enough passages; until then the device alone has them (docs/privacy.md, *No consent, no
event*), and so it is with the nullifiers of used singles. When a run ends, what it holds is neither lost nor told, and
the reckoning has to know how much it is. It is read from the files that the device would boot from, not asked of the
device.

Rules: read only, beside a device that may be writing: between the two steps of closing a journal (see its head), its
counts are in the outbox and here, for as long as the device takes from one to the other.

Does not belong here: the journals' own rules (firmware/report/journal.py), the comparison (simulator/reckoning.py).
"""

from collections import Counter
from pathlib import Path

# A line is the way and what was counted: see Reporter._count.
_WAYS = {"entry": "entries", "exit": "exits"}
_KINDS = {"d": ("paid", "declined"), "p": ("paid",), "f": ("free",)}


def held_nullifiers(folder: Path) -> set[str]:
    """Nullifiers of used singles in the device's storage `folder`, as 32 hex digits."""
    found: set[str] = set()
    for file in folder.glob("s*"):
        if not file.name[1:].isdigit():
            continue
        try:
            lines = file.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            continue
        found.update(line.split(b" ")[1].decode("ascii") for line in lines[1:])
    return found


def held(folder: Path) -> dict[str, int]:
    """Open counts in the device's storage `folder`, with the members of a tally that are not 0; {} when it has none."""
    counts: Counter[str] = Counter()
    for journal in folder.glob("t*"):
        if not journal.name[1:].isdigit():
            continue  # still being written, under a name of its own
        try:
            lines = journal.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            continue  # closed in this very moment
        for line in lines[1:]:
            text = line.decode("ascii")
            counts[_WAYS[text[:-1]]] += 1
            counts.update(_KINDS[text[-1]])
    return dict(counts)
