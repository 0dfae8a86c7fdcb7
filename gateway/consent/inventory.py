"""The data inventory: every field there is, why it is there, how long, and who sees it.

What there is comes from the code (the tables, the messages of the wire); what is said of it from inventory.toml, and
from nowhere else. Rule: neither may have what the other lacks, so a new column without a word on why it is there fails
a test, and so does a word on a column that is gone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple, get_args

import msgspec

from gateway.protocol import records, scenes
from gateway.store.tables import metadata

HEADINGS: Final = {"tables": "Table", "messages": "Message", "files": "File", "requests": "Request"}


INTRODUCTION: Final = """\
# Data inventory

Every field that is kept or passes through: why it is there, how long, and who sees it. Made from the schema by
`python docs/make_data_inventory.py`; a running gateway shows the same at `/inventory` and `/v1/inventory`. A test fails
when a column or a member of a message is not told here.

Who: *operator* is whoever can read the gateway's files; *API* is whoever reaches the gateway's address, which is the
machine itself; *broker* is whoever can read what passes through the broker.
"""


class Entry(NamedTuple):
    """One field. ``where``: the table, message, file or request it belongs to."""

    where: str
    name: str
    why: str
    how_long: str
    who: str


class Section(NamedTuple):
    """A table, message, file or request with its fields."""

    kind: str
    name: str
    about: str
    entries: tuple[Entry, ...]


def actual() -> dict[str, dict[str, tuple[str, ...]]]:
    """What there is: kind of place -> name -> fields. Files and requests are told in inventory.toml alone."""
    messages: dict[str, tuple[str, ...]] = {}
    for struct in _structs():
        tag = struct.__struct_config__.tag
        name = tag if isinstance(tag, str) else struct.__name__.lstrip("_").lower()
        messages[name] = tuple(field.encode_name for field in msgspec.structs.fields(struct))
    return {
        "tables": {table.name: tuple(table.columns.keys()) for table in metadata.sorted_tables},
        "messages": messages,
    }


def _structs() -> list[type[msgspec.Struct]]:
    """Every message of the wire that the gateway reads or writes, and every kind of record."""
    kinds = list(get_args(records.Record))
    others = [
        one
        for one in (*vars(records).values(), *vars(scenes).values())
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one is not msgspec.Struct and one not in kinds
    ]
    return kinds + others


@cache
def told() -> dict[str, dict[str, dict[str, Any]]]:
    """inventory.toml as it is."""
    return tomllib.loads(files("gateway.consent").joinpath("inventory.toml").read_text(encoding="utf-8"))


def differences() -> list[str]:
    """What only one of code and inventory.toml has; empty when all is told."""
    found = []
    for kind, places in actual().items():
        said = told().get(kind, {})
        for place in places.keys() | said.keys():
            fields, words = set(places.get(place, ())), set(said.get(place, {}).get("fields", ()))
            found += [f"{kind}.{place}.{field}: nothing is said of it" for field in fields - words]
            found += [f"{kind}.{place}.{field}: there is no such field" for field in words - fields]
            if place not in said or place not in places:
                found.append(f"{kind}.{place}: {'nothing is said of it' if place in places else 'there is none'}")
    return sorted(found)


def sections() -> Iterator[Section]:
    """Everything, in the order of inventory.toml."""
    for kind in HEADINGS:
        for name, said in told()[kind].items():
            fields = said.get("fields") or {"(all of it)": said["why"]}
            entries = tuple(
                Entry(
                    f"{HEADINGS[kind].lower()} {name}",
                    field,
                    words if isinstance(words, str) else words["why"],
                    said["how_long"] if isinstance(words, str) else words.get("how_long", said["how_long"]),
                    said["who"] if isinstance(words, str) else words.get("who", said["who"]),
                )
                for field, words in fields.items()
            )
            yield Section(kind, name, said.get("about", ""), entries)


def inventory() -> list[Entry]:
    """Every field."""
    return [entry for section in sections() for entry in section.entries]


def markdown() -> str:
    """The inventory as docs/data-inventory.md shows it."""
    lines = INTRODUCTION.splitlines()
    kind = ""
    for section in sections():
        if section.kind != kind:
            kind = section.kind
            lines += ["", f"## {HEADINGS[kind]}s"]
        lines += ["", f"### `{section.name}`", ""]
        if section.about:
            lines += [section.about, ""]
        lines += ["| field | why | how long | who |", "|---|---|---|---|"]
        for entry in section.entries:
            name = entry.name if entry.name.startswith("(") else f"`{entry.name}`"
            lines.append(f"| {name} | {entry.why} | {entry.how_long} | {entry.who} |")
    return "\n".join(lines) + "\n"
