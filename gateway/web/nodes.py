"""Plain HTML elements for the pages: a tag, a text, attributes.

Rules: texts go into the page as texts, never as HTML; attributes are set one by one, never parsed out of a string. What
a page says doesn't belong here.
"""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement


class Node(TextElement):
    """One element; use it as a context manager to put others inside."""

    def __init__(self, tag: str, text: str = "", css: str = "", **attributes: str | int | bool) -> None:
        """``css``: classes. An attribute's name has `_` for `-` (`aria_label`, `data_state`; `for_` for a label)."""
        super().__init__(tag=tag, text=text)
        if css:
            self.classes(css)
        for name, value in attributes.items():
            if value is not False:
                self.props[_attribute(name)] = value

    def attribute(self, name: str, value: str | int | bool) -> Node:
        """Set one attribute; False takes it away."""
        if value is False:
            self.props.pop(_attribute(name), None)
        else:
            self.props[_attribute(name)] = value
        self.update()
        return self

    def say(self, text: str) -> None:
        """Show this text; nothing is sent where it is shown already."""
        if text != self.text:
            self.text = text


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def scrolled(name: str, css: str = "") -> Node:
    """A region for what may be wider than the page, and then scrolls by itself: the keyboard reaches it."""
    return Node("div", css=f"scroll {css}".strip(), role="region", tabindex="0", aria_label=name)
