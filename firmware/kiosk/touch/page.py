"""Draws views in browsers by NiceGUI and tells the kiosk what was pressed; decides nothing about a sale.

Rules: the document that is served holds nothing of any rider; what a rider sees comes over the socket afterwards, and
goes again when the screen changes; nothing is kept in a cookie, a storage or the server's files. A browser shows what
the kiosk's one screen shows, so two browsers show the same. A press counts only for the screen on which it was made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from nicegui import Client, ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from firmware.kiosk.touch.nodes import Event, Node, View

REDRAW_S = 0.1
"""How often a browser's view is compared with the kiosk's screen."""

EARLY_S = 0.6
"""An answer that comes sooner than this after its question appeared was a touch meant for the screen before."""

FIELD_MAX = 2_000
"""Characters taken from a text field; a pass has 476."""


class Machine(Protocol):
    """A kiosk as its page needs it. Both methods may be called from any thread and never wait."""

    def screen(self) -> Mapping[str, Any]:
        """What the kiosk's screen shows now; a copy."""

    def press(self, event: Event) -> None:
        """The rider has pressed this."""


MakeView = Callable[[Mapping[str, Any]], View]


class Drawn:
    """A node that NiceGUI shows, and its children."""

    def __init__(self, new: Node, press: Callable[[Node, str | None], None]) -> None:
        self.node = new
        self._press = press
        self.element = TextElement(tag=new.tag, text=new.text) if new.text else Element(new.tag)
        self.element.classes(new.classes)
        self.element.props.update(new.props)
        if new.event is not None:
            self._listen(new)
        self.children: list[Drawn] = []
        self._draw_from(0, new.children)

    def _listen(self, new: Node) -> None:
        def pressed(arguments: Any) -> None:
            self._press(self.node, arguments.args if isinstance(arguments.args, str) else None)

        if new.tag == "input":
            self.element.on("keydown.enter", pressed, js_handler=f"() => emit(kioskRead({json.dumps(new.reads)}))")
        elif new.reads:
            self.element.on("click", pressed, js_handler=f"() => emit(kioskRead({json.dumps(new.reads)}))")
        else:
            self.element.on("click", pressed, js_handler="() => emit()")

    def _draw_from(self, start: int, children: tuple[Node, ...]) -> None:
        with self.element:
            self.children += [Drawn(child, self._press) for child in children[start:]]

    @staticmethod
    def same(old: Node, new: Node) -> bool:
        """Whether `old`'s element can become `new` without its user losing focus or place."""
        return (old.tag, old.key, old.reads, old.event is None, bool(old.text)) == (
            new.tag,
            new.key,
            new.reads,
            new.event is None,
            bool(new.text),
        )

    def become(self, new: Node) -> None:
        """Change what differs; `same(self.node, new)` holds."""
        old, self.node = self.node, new
        if isinstance(self.element, TextElement) and old.text != new.text:
            self.element.set_text(new.text)
        if old.classes != new.classes:
            self.element.classes(replace=new.classes)
        if old.props != new.props:
            for gone in old.props.keys() - new.props.keys():
                del self.element.props[gone]
            self.element.props.update(new.props)
            self.element.update()
        kept = 0
        while kept < min(len(self.children), len(new.children)) and self.same(
            self.children[kept].node, new.children[kept]
        ):
            self.children[kept].become(new.children[kept])
            kept += 1
        for gone_child in self.children[kept:]:
            gone_child.element.delete()
        del self.children[kept:]
        self._draw_from(kept, new.children)


class Screen:
    """One browser's copy of the kiosk's screen."""

    def __init__(self, machine: Machine, make_view: MakeView, client: Client) -> None:
        self._machine = machine
        self._make_view = make_view
        self._client = client
        self._shown: Mapping[str, Any] | None = None
        self._view: View | None = None
        self._drawn: Drawn | None = None
        self._since_s = 0.0

    def refresh(self) -> None:
        """Show what the kiosk's screen shows now."""
        shown = self._machine.screen()
        if shown == self._shown:
            return
        view = self._make_view(shown)
        self._shown = shown
        before, self._view = self._view, view
        with self._client.content:
            if self._drawn is None:
                self._drawn = Drawn(view.root, self._press)
            else:
                self._drawn.become(view.root)
        new_scene = before is None or before.scene != view.scene
        if new_scene:
            self._since_s = time.monotonic()
        if new_scene or before is None or (before.language, before.say) != (view.language, view.say):
            focus = view.focus_id if new_scene else ""
            told = json.dumps([focus, view.language, view.title, view.say])
            self._client.run_javascript(f"kioskScene(...{told})")

    def _press(self, pressed: Node, value: str | None) -> None:
        if pressed.event is None or self._view is None:
            return
        if self._make_view(self._machine.screen()).scene != self._view.scene:
            return
        if pressed.event[0] == "answer" and time.monotonic() - self._since_s < EARLY_S:
            return
        event = pressed.event
        if pressed.reads:
            if not value or not value.strip():
                return
            event = (*event, value[:FIELD_MAX])
        self._machine.press(event)
        self.refresh()


def show(machine: Machine, make_view: MakeView) -> None:
    """Build the page of `machine` for the browser that asks; called inside a NiceGUI page."""
    client = ui.context.client
    screen = Screen(machine, make_view, client)
    # Not before the browser is there: what is drawn earlier would stand in the document's own text.
    client.on_connect(screen.refresh)
    timer = ui.timer(REDRAW_S, lambda: screen.refresh() if client.has_socket_connection else None)
    client.on_delete(lambda: timer.cancel())
