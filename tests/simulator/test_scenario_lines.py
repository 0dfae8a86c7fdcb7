"""Where each key of a TOML text stands: by hand for each way to write one, and against a writer that keeps count."""

import tomllib
from textwrap import dedent
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.scenario.lines import Path, key_lines, line_of


def lines(text: str) -> dict[Path, int]:
    text = dedent(text).lstrip("\n")
    found = key_lines(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    return found


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Every key and element of a value."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found = []
    for key, one in inner:
        found += [(*path, key), *paths(one, (*path, key))]
    return found


def test_tables_and_keys_have_their_own_lines() -> None:
    assert lines("""
        # a comment with [brackets] and key = 1
        top = 1

        [a]   # a comment
        b = 2
          [a.c.d]
          e = 3
    """) == {
        ("top",): 2,
        ("a",): 4,
        ("a", "b"): 5,
        ("a", "c"): 6,
        ("a", "c", "d"): 6,
        ("a", "c", "d", "e"): 7,
    }  # fmt: skip


def test_elements_of_arrays_of_tables_begin_anew_below_each_other() -> None:
    found = lines("""
        [[lane]]
        name = "a"
        [lane.noise]
        dust = 1
        [[lane.beams]]
        x = 0
        [[lane.beams]]
        x = 1
        [[lane]]
        name = "b"
        [[lane.beams]]
        x = 2
    """)
    assert found["lane", 0, "noise", "dust"] == 4
    assert found["lane", 0, "beams", 1] == 7
    assert (found["lane", 1], found["lane", 1, "beams", 0], found["lane", 1, "beams", 0, "x"]) == (9, 11, 12)


def test_arrays_over_several_lines_have_a_line_for_each_element() -> None:
    found = lines("""
        beams = [ # four of them
            { x = 0.0, z = 1 }, { x = 0.1, z = 2 },
            # not [ this ]
            { x = 0.2, z = [
                1,
                2 ] },

            { x = 0.3, name = "]}" },
        ]
        after = [[1], [
            2]]
        last = 1
    """)
    assert [found["beams", n] for n in range(4)] == [2, 2, 4, 8]
    assert (found["beams", 2, "z", 0], found["beams", 2, "z", 1]) == (5, 6)
    assert (found["after", 1], found["after", 1, 0], found["last",]) == (10, 11, 12)


def test_strings_of_every_kind_hide_what_is_in_them() -> None:
    text = [
        r'a = "# [no] \" = \\"',
        r"b = '\'",
        'c = """',
        "[no]",
        r'd = 1 \""" \\"""',
        'd = """""two quotes more"""""',
        "e = '''",
        "[[no]]",
        "it''s ''''",
        "f = 1",
    ]
    found = lines("\n".join(text))
    assert [found[name,] for name in "abcdef"] == [1, 2, 3, 6, 7, 10]


def test_quoted_and_dotted_keys_are_what_toml_says_they_are() -> None:
    found = lines("""
        "a b"."c.d" . 'e"' = 1
        "\\u00e4 \\"" = 2
        [x."y#z"]
        p.q = { r.s = 3, "t" = 4 }
        p.u = 5
    """)
    assert found["a b", "c.d", 'e"'] == 1 and found['ä "',] == 2
    assert found["x", "y#z", "p", "q", "r", "s"] == found["x", "y#z", "p", "q", "t"] == 4
    assert (found["x", "y#z", "p"], found["x", "y#z", "p", "u"]) == (4, 5)


def test_windows_line_ends_count_once() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = [\r\n1,\r\n2]\r\nd = 3\r\n")["b", "d"] == 6


def test_what_has_no_line_has_that_of_what_is_around_it() -> None:
    found = {("lane", 0): 4, ("lane", 0, "arm"): 6}
    assert line_of(("lane", 0, "arm", "kind"), found) == 6
    assert line_of(("lane", 0, "way"), found) == 4
    assert line_of(("demand", "date"), found) == 1


def test_a_text_that_is_no_toml_ends_all_the_same() -> None:
    for text in ("=", "[", "[a", "a = [1", 'a = "x', 'a = """x', "a = {b", "a = {b = 1", "\x00", "a"):
        key_lines(text)


# --- a writer that keeps count ---------------------------------------------------------------------------------------

NAMES = st.text("ab_-9", min_size=1, max_size=3) | st.text('a.#="\\[]{} é', min_size=1, max_size=4)
TEXTS = st.text("ab \"'\\#[]{}=,\n", max_size=8)
SCALARS = st.integers(-9, 9) | TEXTS | st.booleans()
INLINE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
TABLES = st.recursive(
    st.dictionaries(NAMES, INLINE, max_size=3),
    lambda inner: st.dictionaries(NAMES, INLINE | inner | st.lists(inner, min_size=1, max_size=3), max_size=3),
    max_leaves=6,
)


class Writer:
    """Writes a tree as TOML in ways that `choose` picks, and notes the line of each path as it goes."""

    def __init__(self, choose: Any) -> None:
        self.text = ""
        self.lines: dict[Path, int] = {}
        self._choose = choose

    def one_of(self, *choices: Any) -> Any:
        return self._choose(st.sampled_from(choices))

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def say(self, text: str) -> None:
        self.text += text

    def table(self, values: dict[str, Any], path: Path, header: str) -> None:
        later = [(name, value) for name, value in values.items() if self.is_table(value)]
        for name, value in values.items():
            if (name, value) not in later:
                self.say(self.one_of("", "\n", "  ", "# [no] = 1\n"))
                self.note((*path, name))
                self.say(self.key(name) + self.one_of(" = ", "=", "\t= "))
                self.value(value, (*path, name))
                self.say(self.one_of("\n", "  # '''\n", "\r\n"))
        for name, value in later:
            inner = f"{header}.{self.key(name)}" if header else self.key(name)
            for n, one in enumerate(value if isinstance(value, list) else [value]):
                self.say(self.one_of("", "\n", " \t"))
                self.note((*path, name))
                place: Path = (*path, name, n) if isinstance(value, list) else (*path, name)
                self.note(place)
                brackets = ("[[", "]]") if isinstance(value, list) else ("[", "]")
                self.say(brackets[0] + self.one_of("", " ") + inner + brackets[1] + self.one_of("\n", " # [[x]]\n"))
                self.table(one, place, inner)

    def is_table(self, value: Any) -> bool:
        if isinstance(value, list):
            return bool(value) and all(isinstance(one, dict) for one in value) and bool(self.one_of(True, False))
        return isinstance(value, dict) and bool(self.one_of(True, False))

    def key(self, name: str) -> str:
        if name.isascii() and all(character.isalnum() or character in "_-" for character in name):
            return str(self.one_of(name, f'"{name}"', f"'{name}'"))
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def value(self, value: Any, path: Path, inside: bool = False) -> None:
        """`inside` an inline table nothing but strings goes over several lines here."""
        if isinstance(value, bool):
            self.say(str(value).lower())
        elif isinstance(value, int):
            self.say(str(value))
        elif isinstance(value, str):
            self.string(value)
        elif isinstance(value, list):
            self.say("[")
            for n, one in enumerate(value):
                self.gap(inside)
                self.note((*path, n))
                self.value(one, (*path, n), inside)
                self.gap(inside)
                self.say("," if n < len(value) - 1 else self.one_of("", ","))
            self.gap(inside)
            self.say("]")
        else:
            self.say("{")
            for n, (name, one) in enumerate(value.items()):
                self.say(", " if n else " ")
                self.note((*path, name))
                self.say(self.key(name) + " = ")
                self.value(one, (*path, name), True)
            self.say(" }")

    def gap(self, inside: bool) -> None:
        self.say(self.one_of("", " ") if inside else self.one_of("", " ", "\n", " # ],}\n", "\n\n\t"))

    def string(self, value: str) -> None:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        ways = ['"' + escaped.replace("\n", "\\n") + '"', f'"""\n{escaped}"""']
        if "'" not in value:
            ways.append(f"'''\n{value}'''")
            if "\n" not in value:
                ways.append(f"'{value}'")
        self.say(self.one_of(*ways))


@settings(max_examples=200, deadline=None)
@given(TABLES, st.data())
def test_every_line_is_the_one_that_the_writer_noted(values: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(data.draw)
    writer.table(values, (), "")
    assert tomllib.loads(writer.text) == values, "the writer writes TOML"
    assert key_lines(writer.text) == writer.lines
