"""Where in a TOML text each key stands, for error messages; Python's own reader does not say.

Made for files that `tomllib` has accepted. Tables, arrays of tables, dotted and quoted keys, arrays over several lines,
strings over several lines; what is inside an inline table has the line of its array element or key. Pure.
"""

import re

Path = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=[ \t]*")
_PART = re.compile(_KEY)


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and array element."""
    found: dict[Path, int] = {}
    tables: dict[tuple[str, ...], int] = {}
    prefix: Path = ()
    position, line = 0, 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if table := _TABLE.match(text, position, end):
            names = _names(table.group(2))
            prefix = _located(names[:-1], tables)
            if table.group(1) == "[[":
                tables[names] = tables.get(names, -1) + 1
                prefix = (*prefix, names[-1])
                found.setdefault(prefix, line)
                prefix = (*prefix, tables[names])
            else:
                prefix = _located(names, tables)
            found.setdefault(prefix, line)
        elif assignment := _ASSIGNMENT.match(text, position, end):
            path: Path = (*prefix, *_names(assignment.group(1)))
            for length in range(len(prefix) + 1, len(path) + 1):
                found.setdefault(path[:length], line)
            end = _value(text, assignment.end(), line, path, found)
            line += text.count("\n", position, end)
            position = end
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
        position = end + 1
        line += 1
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of that key, or of the closest thing around it; 1 for the whole file."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _located(names: tuple[str, ...], tables: dict[tuple[str, ...], int]) -> Path:
    """The path of a table: below an array of tables it belongs to the last one so far."""
    path: Path = ()
    for n, name in enumerate(names, start=1):
        path = (*path, name)
        if names[:n] in tables:
            path = (*path, tables[names[:n]])
    return path


def _value(text: str, start: int, line: int, path: Path, found: dict[Path, int]) -> int:
    """Notes the lines of an array's elements; returns where the value ends."""
    position, depth, element, fresh = start, 0, 0, False
    while position < len(text):
        character = text[position]
        if character == "\n":
            if depth == 0:
                return position
            line += 1
            position += 1
            continue
        if character == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        if fresh and depth == 1 and character not in " \t\r,]":
            found.setdefault((*path, element), line)
            fresh = False
        if character in "\"'":
            end = _string_end(text, position)
            line += text.count("\n", position, end)
            position = end
            continue
        if character in "[{":
            depth += 1
            fresh = fresh or (depth == 1 and character == "[")
        elif character in "]}":
            depth -= 1
        elif character == "," and depth == 1:
            element += 1
            fresh = True
        position += 1
    return position


def _string_end(text: str, start: int) -> int:
    quote = text[start]
    triple = quote * 3
    if text.startswith(triple, start):
        end = text.find(triple, start + 3)
        while quote == '"' and end > 0 and text[end - 1] == "\\":
            end = text.find(triple, end + 1)
        return len(text) if end < 0 else end + 3
    position = start + 1
    while position < len(text) and text[position] not in (quote, "\n"):
        position += 2 if quote == '"' and text[position] == "\\" else 1
    return position + 1
