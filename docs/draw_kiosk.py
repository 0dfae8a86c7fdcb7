"""Draws docs/kiosk-states.md from the table in firmware/kiosk/table.py. A test holds the two together.

Run: python docs/draw_kiosk.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from firmware.kiosk import table  # noqa: E402


def page() -> str:
    """The whole page as Markdown with a Mermaid diagram."""
    lines = [
        "# The kiosk's states",
        "",
        "Drawn from the table in `firmware/kiosk/table.py` by `python docs/draw_kiosk.py`; don't edit it here. The",
        "diagram leaves out what leads from a state to itself. [kiosk.md](kiosk.md) says what they mean.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {table.START}",
    ]
    for state, row in table.TABLE.items():
        targets: dict[str, list[str]] = {}
        for event, after in row.items():
            for one in after:
                if one != state:
                    targets.setdefault(one, []).append(event)
        lines += [f"    {state} --> {after}: {', '.join(events)}" for after, events in targets.items()]
    lines += ["```", "", "| state | event | leads to |", "|---|---|---|"]
    for state, row in table.TABLE.items():
        for event, after in row.items():
            lines.append(f"| {state} | {event} | {', '.join(after)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "kiosk-states.md").write_text(page(), encoding="utf-8")
