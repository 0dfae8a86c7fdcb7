"""Where in a TOML text each key stands, for error messages; Python's own reader does not say.

Made for texts that `tomllib` has accepted: it finds its way through them, and checks nothing. A key of a table, an
inline table's key, an array's element: each has the line on which it begins; a table that is only named on the way to
another (`[a.b]` names `a`) has the line of the first that names it. Pure.
"""

import re
import tomllib

Path = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TABLE = re.compile(rf"(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"({_DOTTED})[ \t]*=[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[^,\]}\n#]*")
_QUOTES = ('"""', "'''")


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and array element."""
    return _Reader(text).found


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of that key, or of the closest thing around it; 1 for the whole file."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


class _Reader:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._position = 0
        self._line = 1
        # How many elements each array of tables has so far, less one.
        self._arrays: dict[Path, int] = {}
        prefix: Path = ()
        self._skip(_BLANK)
        while self._position < len(text):
            if table := _TABLE.match(text, self._position):
                self._position = table.end()
                prefix = self._header(_names(table.group(2)), table.group(1) == "[[")
            elif not self._assignment(prefix):
                return  # not TOML after all
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._position)
        if match is not None:
            self._go(match.end())

    def _go(self, position: int) -> None:
        self._line += self._text.count("\n", self._position, position)
        self._position = position

    def _note(self, path: Path, names: Path) -> Path:
        """Every table that is named on the way has this line, unless it has one already."""
        for name in names:
            path = (*path, name)
            self.found.setdefault(path, self._line)
        return path

    def _header(self, names: Path, array: bool) -> Path:
        path: Path = ()
        for n, name in enumerate(names, start=1):
            path = self._note(path, (name,))
            if array and n == len(names):
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if path in self._arrays:  # below an array of tables a table belongs to its last element
                path = self._note(path, (self._arrays[path],))
        return path

    def _assignment(self, prefix: Path) -> bool:
        match = _ASSIGNMENT.match(self._text, self._position)
        if match is None:
            return False
        path = self._note(prefix, _names(match.group(1)))
        self._position = match.end()
        self._value(path)
        return True

    def _value(self, path: Path) -> None:
        opening = self._text[self._position : self._position + 1]
        if opening in ('"', "'"):
            self._go(_string_end(self._text, self._position))
        elif opening == "[":
            element = 0
            while self._inside("]"):
                self._value(self._note(path, (element,)))
                element += 1
        elif opening == "{":
            while self._inside("}"):
                if not self._assignment(path):
                    return
        else:
            self._skip(_BARE)

    def _inside(self, closing: str) -> bool:
        """Past the opening or the comma before the next element; False past the closing one."""
        if self._text[self._position : self._position + 1] in ("[", "{", ","):
            self._position += 1
        self._skip(_BLANK)
        if self._text[self._position : self._position + 1] == ",":
            self._position += 1
            self._skip(_BLANK)
        if self._position >= len(self._text):
            return False
        if self._text[self._position] == closing:
            self._position += 1
            return False
        return True


def _names(dotted: str) -> Path:
    """The parts of a dotted key, as TOML's own reader has them: quotes and escapes are its business."""
    names: list[str | int] = []
    value: object = tomllib.loads(f"{dotted} = 0")
    while isinstance(value, dict):
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def _string_end(text: str, start: int) -> int:
    """The position after a string of any of the four kinds."""
    quote = text[start]
    triple = text[start : start + 3] in _QUOTES
    position = start + (3 if triple else 1)
    while position < len(text):
        if quote == '"' and text[position] == "\\":
            position += 2
        elif not triple and text[position] == quote:
            return position + 1
        elif triple and text.startswith(quote * 3, position):
            position += 3
            # One or two more quotes belong to the string itself.
            while position < len(text) and text[position] == quote:
                position += 1
            return position
        else:
            position += 1
    return len(text)
