"""Draws docs/turnstile.md from the transition table in firmware/lane/turnstile.py. A test holds the two together.

Run: python docs/draw_turnstile.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from firmware.lane import turnstile  # noqa: E402

_ARMS = {0: "locked", 1: "released for one", 2: "free"}
_LAMPS = {0: "wait", 1: "ready", 2: "go", 3: "stop"}
_SOUNDS = {0: "none", 1: "accepted", 2: "refused", 3: "alarm"}


def page() -> str:
    """The whole page as Markdown with a Mermaid diagram."""
    lines = [
        "# The turnstile",
        "",
        "Drawn from the table in `firmware/lane/turnstile.py` by `python docs/draw_turnstile.py`; don't edit it here.",
        "An event that a state does not list is an error and changes nothing.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {turnstile.LOCKED}",
    ]
    for state, row in turnstile.TABLE.items():
        targets: dict[str, list[str]] = {}
        for event, after in row.items():
            targets.setdefault(after, []).append(event)
        lines += [f"    {state} --> {after}: {', '.join(events)}" for after, events in targets.items()]
    lines += ["```", "", "| state | arm | lamp | sound |", "|---|---|---|---|"]
    for state, (arm, lamp, sound) in turnstile.OUTPUTS.items():
        lines.append(f"| {state} | {_ARMS[arm]} | {_LAMPS[lamp]} | {_SOUNDS[sound]} |")
    events = sorted({event for row in turnstile.TABLE.values() for event in row})
    lines += ["", "| event | " + " | ".join(turnstile.TABLE) + " |", "|---" * (len(turnstile.TABLE) + 1) + "|"]
    for event in events:
        cells = [row.get(event, "–") for row in turnstile.TABLE.values()]
        lines.append(f"| {event} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "turnstile.md").write_text(page(), encoding="utf-8")
