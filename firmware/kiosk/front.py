"""A front of a small display and four buttons, where there is no touch screen: lines out, events in.

Rules: the engine's screen says all; the front adds only which page of the notice is shown. Answers stand side by
side in one form, "no" first, and none is chosen beforehand. Texts are data (texts.py), in plain ASCII for any display.
"""

from firmware.kiosk import table
from firmware.kiosk.texts import TEXTS

COLUMNS = 21
ROWS = 8
BUTTONS = 4


def wrapped(text, columns=COLUMNS):
    """Lines of at most ``columns`` characters, broken at spaces; a longer word is cut."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            while len(word) > columns:
                if line:
                    lines.append(line)
                    line = ""
                lines.append(word[:columns])
                word = word[columns:]
            if not line:
                line = word
            elif len(line) + 1 + len(word) <= columns:
                line += " " + word
            else:
                lines.append(line)
                line = word
        lines.append(line)
    return lines


_PLAIN = {228: "ae", 246: "oe", 252: "ue", 196: "Ae", 214: "Oe", 220: "Ue", 223: "ss"}


def plain(text):
    """ASCII: umlauts written out, quotation marks and dashes as they are typed, all else a question mark."""
    out = []
    for character in text:
        code = ord(character)
        if code < 127:
            out.append(character)
        elif code in (8220, 8221, 8222):
            out.append('"')
        elif code in (8216, 8217):
            out.append("'")
        elif code in (8211, 8212):
            out.append("-")
        else:
            out.append(_PLAIN.get(code, "?"))
    return "".join(out)


def money(cents, currency, point):
    return "%d%s%02d %s" % (cents // 100, point, cents % 100, currency)


class Front:
    """``lines(screen)`` for the display; ``pressed(button, screen)`` gives an event of the engine, or None."""

    def __init__(self, columns=COLUMNS, rows=ROWS):
        self._columns = columns
        self._rows = rows
        self._page = 0
        self._state = None

    def _texts(self, screen):
        return TEXTS.get(screen["language"]) or TEXTS["en"]

    def choices(self, screen):
        """What the buttons do now: ``(label, event)`` from the first on; at most four. MORE turns the page."""
        t = self._texts(screen)
        state = screen["state"]
        if state == table.START:
            found: list = [(t["buy"], ("buy",)), (t["my_data"], ("my_data",))]
            if len(screen["languages"]) > 1:
                found.append((t["language"], ("language", self._other(screen))))
            return found
        if state == table.CHOOSE:
            found = [
                (
                    "%s %s" % (t[product], money(screen["prices"][product], screen["currency"], t["point"])),
                    ("choose", product),
                )
                for product in sorted(screen["prices"], reverse=True)
            ]
            return found + [(t["back"], ("cancel",))]
        if state == table.PAY:
            return [(t["cancel"], ("cancel",))]
        if state == table.ASK:
            return [(t["no"], ("answer", False)), (t["yes"], ("answer", True)), (t["more"], None)]
        if state == table.HAND_OVER:
            return [(t["taken"], ("taken",))]
        if state == table.MY_DATA:
            found = []
            if screen["rows"]:
                found.append((t["erase"], ("erase",)))
            if screen["rows"] is not None and screen["withdrawable"]:
                found.append((t["withdraw"], ("withdraw",)))
            if screen["rows"]:
                found.append((t["more"], None))
            return found + [(t["home"], ("cancel",))]
        if state in (table.ERASE, table.WITHDRAW) and not screen["waiting"]:
            return [(t["no"], ("answer", False)), (t["yes"], ("answer", True))]
        if state == table.SORRY:
            return [(t["home"], ("back",))]
        return []

    @staticmethod
    def _other(screen):
        codes = screen["languages"]
        return codes[(codes.index(screen["language"]) + 1) % len(codes)]

    def pressed(self, button, screen):
        """The event of a button (0 to 3), or None: no such choice, or the page was turned."""
        choices = self.choices(screen)
        if not 0 <= button < len(choices):
            return None
        event = choices[button][1]
        if event is None:
            self._page += 1
        return event

    def _body(self, screen):
        t = self._texts(screen)
        state = screen["state"]
        if state == table.PAY:
            said = [t[screen["product"]], t["missing"] % money(screen["missing_cents"], screen["currency"], t["point"])]
            if screen["why"]:
                said.append(self._why(screen, t))
            return "\n".join(said)
        if state == table.ASK:
            notice = screen["notice"]
            return plain(notice["title"] + "\n" + notice["text"].replace("\n\n", "\n"))
        if state == table.OUT_OF_ORDER:
            return t["out_of_order"] + "\n" + (t["owed"] if screen["owed"] else "")
        if state == table.SORRY:
            return t["sorry"] + "\n" + self._why(screen, t)
        if state == table.HAND_OVER:
            return t["hand_over_research" if screen["choice"] == "research" else "hand_over_none"]
        if state == table.MY_DATA:
            if screen["waiting"]:
                return t["waiting"]
            if screen["why"]:
                return self._why(screen, t)
            if screen["rows"] is None:
                return t["show"]
            if not screen["rows"]:
                return t["no_rows"]
            said = [t["rows"] % len(screen["rows"])]
            for row in screen["rows"]:
                said.append("%s %s" % (t["in" if row["way"] == "entry" else "out"], row["gate"]))
            return "\n".join(said)
        if state in (table.ERASE, table.WITHDRAW) and screen["waiting"]:
            return t["waiting"]
        return t["sure_" + state if state in (table.ERASE, table.WITHDRAW) else state]

    @staticmethod
    def _why(screen, t):
        return t.get("why_" + (screen["why"] or ""), t["why"])

    def _labels(self, screen):
        """The buttons' labels, as many in a line as fit."""
        lines: list = []
        for at, (label, _) in enumerate(self.choices(screen)):
            label = ("%d %s" % (at + 1, label))[: self._columns]
            if lines and len(lines[-1]) + 2 + len(label) <= self._columns:
                lines[-1] += "  " + label
            else:
                lines.append(label)
        return lines

    def lines(self, screen):
        """Exactly as many lines as the display has, none longer than it is wide."""
        if screen["state"] != self._state:
            self._state = screen["state"]
            self._page = 0
        labels = self._labels(screen)
        body = wrapped(self._body(screen), self._columns)
        room = self._rows - len(labels)
        pages = (len(body) + room - 1) // room or 1
        shown = body[self._page % pages * room :][:room]
        shown += [""] * (room - len(shown))
        return [line[: self._columns] for line in shown + labels]
