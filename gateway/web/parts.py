"""Small things that several pages are made of: attributes that change in place, times by the reader's clock, commands.

Rule: nothing is sent for what is the same already. What a page shows doesn't belong here.
"""

from __future__ import annotations

from gateway.web.nodes import Node


def change(node: Node, name: str, value: str | int | bool) -> None:
    """Set an attribute if it is another; False takes it away."""
    present = node.props.get(name, False)
    # True and 1 are equal, and not the same attribute.
    if present != value or type(present) is not type(value):
        node.attribute(name, value)


def time_node(form: str = "clock", at_ms: int = 0) -> Node:
    """A time, as static/time.js shows it: ``clock``, ``ago``, ``until``, ``day`` or ``both``."""
    return Node("gateline-time", at=at_ms, form=form)


def command(text: str) -> None:
    """A command with a button that copies it: static/copy.js, which the page must name among its scripts."""
    with Node("div", css="command"):
        with Node("pre", tabindex="0", role="region", aria_label=f"Command: {text}"):
            Node("code", text)
        Node("button", "Copy", "action quiet", type="button", data_copy=text)
