"""What a page is before it is drawn: a tree of nodes, and the moment's focus and announcement.

Rules: plain data, no NiceGUI. A view makes the whole tree anew from the kiosk's screen; the adapter (`page`) finds out
what of it has changed. Texts are text, never HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Event = tuple[str | int | bool, ...]
"""What the engine is told, such as ("choose", "single")."""


@dataclass(frozen=True, slots=True)
class Node:
    """One HTML element. Two nodes with the same `tag` and `key` in the same place are the same element, changed."""

    tag: str
    text: str = ""
    children: tuple[Node, ...] = ()
    classes: str = ""
    props: dict[str, str] = field(default_factory=dict)
    key: str = ""
    event: Event | None = None
    """Sent when it is pressed."""
    reads: str = ""
    """Id of the text field whose value is put behind `event`; the field is emptied as it is read."""


@dataclass(frozen=True, slots=True)
class View:
    """What one browser shows: the root, what has the focus when `scene` is new, and what a screen reader says."""

    root: Node
    scene: str
    focus_id: str
    say: str
    language: str
    title: str


def node(
    tag: str,
    *inside: Node | str | None,
    classes: str = "",
    key: str = "",
    event: Event | None = None,
    reads: str = "",
    **props: str,
) -> Node:
    """A node: strings in it become its text, None is left out, `aria_label` becomes `aria-label`."""
    texts = [one for one in inside if isinstance(one, str)]
    children = tuple(one for one in inside if isinstance(one, Node))
    if texts and children:
        raise ValueError("an element has text or children, not both: wrap the text in a span")
    named = {name.rstrip("_").replace("_", "-"): value for name, value in props.items()}
    return Node(tag, "".join(texts), children, classes, named, key, event, reads)


def words(root: Node) -> str:
    """All text below `root`, in order, a space between elements: what a reader would find."""
    own = [root.text] if root.text else []
    return " ".join(own + [inner for child in root.children if (inner := words(child))])


def find(root: Node, **props: str) -> list[Node]:
    """Every node at or below `root` that has these props."""
    wanted = {name.rstrip("_").replace("_", "-"): value for name, value in props.items()}
    here = [root] if wanted.items() <= root.props.items() else []
    return here + [found for child in root.children for found in find(child, **props)]
