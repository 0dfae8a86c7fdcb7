"""Every screen of the kiosk as a tree of nodes, from the engine's `screen()` and one language's texts.

Rules: pure; a view shows only what the kiosk's screen says now. A pass never appears on the rider's screen (it is on
the paper). Yes and No are made by one function, so that neither weighs more; No stands first, and none has the focus:
Enter and Escape answer nothing. Texts come from the language files, the notice from the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from firmware.kiosk.touch.icons import icon
from firmware.kiosk.touch.machine import around
from firmware.kiosk.touch.nodes import Event, Node, View, node
from firmware.kiosk.touch.texts import FALLBACK, Texts, languages

HEADING = "heading"
FIELD = "pass"
WARN_S = 10
"""From here on the seconds left are spoken, once."""

Screen = Mapping[str, Any]


def _button(
    title: str, what: str = "", *, event: Event, classes: str = "", key: str = "", reads: str = "", id_: str = ""
) -> Node:
    inside = [node("b", title)] + ([node("span", what)] if what else [])
    props = {"type": "button"} | ({"id": id_} if id_ else {})
    return node("button", *inside, classes=f"press {classes}".strip(), key=key, event=event, reads=reads, **props)


def _answers(no: tuple[str, str], yes: tuple[str, str], event_no: Event, event_yes: Event) -> Node:
    """No and yes, of equal weight."""
    return node(
        "div",
        _button(*no, event=event_no, id_="no", key="no"),
        _button(*yes, event=event_yes, id_="yes", key="yes"),
        classes="answers",
    )


def _heading(text: str) -> Node:
    return node("h1", text, id=HEADING, tabindex="-1", key="heading")


def _hero(drawing: str, title: str) -> Node:
    return node("div", icon(drawing), _heading(title), classes="hero")


def _actions(*buttons: Node) -> Node:
    return node("div", *buttons, classes="actions", key="actions")


def _plain(title: str, event: Event, id_: str = "") -> Node:
    return _button(title, event=event, classes="quiet plain", id_=id_)


def _why(screen: Screen, texts: Texts, default: str = "") -> str:
    why = screen.get("why")
    if why and texts.has(f"why.{why}"):
        return texts(f"why.{why}")
    return texts(default) if default else ""


def _out_of_order(screen: Screen, texts: Texts) -> list[Node]:
    return [
        _hero("closed", texts("out_of_order.title")),
        node("p", texts("out_of_order.text")),
        node("p", texts("out_of_order.money")) if screen.get("owed") else node("p"),
    ]


def _start(screen: Screen, texts: Texts) -> list[Node]:
    return [
        _heading(texts("start.title")),
        node(
            "div",
            _tile("ticket", texts("start.buy"), texts("start.buy_what"), ("buy",), "buy"),
            _tile("data", texts("start.my_data"), texts("start.my_data_what"), ("my_data",), "my-data", quiet=True),
            classes="tiles grow",
        ),
    ]


def _tile(drawing: str, title: str, what: str, event: Event, id_: str, price: str = "", quiet: bool = False) -> Node:
    inside = [icon(drawing), node("b", title), node("span", what)]
    if price:
        inside.append(node("span", price, classes="price"))
    return node(
        "button", *inside, classes="press tile quiet" if quiet else "press tile", event=event, type="button", id=id_
    )


def _choose(screen: Screen, texts: Texts) -> list[Node]:
    currency = screen.get("currency", "EUR")
    tiles = [
        _tile(
            product,
            texts(f"products.{product}"),
            texts(f"products.{product}_what"),
            ("choose", product),
            f"choose-{product}",
            texts.money(cents, currency),
        )
        for product, cents in screen["prices"].items()
    ]
    return [
        _heading(texts("choose.title")),
        node("div", *tiles, classes="tiles grow"),
        _actions(_plain(texts("common.back"), ("cancel",), "cancel")),
    ]


def _pay(screen: Screen, texts: Texts) -> list[Node]:
    price, paid, missing = (screen[name] for name in ("price_cents", "paid_cents", "missing_cents"))
    currency = screen.get("currency", "EUR")
    share = min(100, round(100 * paid / price)) if price else 100
    return [
        _heading(texts("pay.title")),
        node(
            "dl",
            node("dt", texts("products." + screen["product"])),
            node("dd", texts.money(price, currency)),
            node("dt", texts("pay.paid")),
            node("dd", texts.money(paid, currency), id="paid"),
            node("dt", texts("pay.missing"), classes="total"),
            node("dd", texts.money(missing, currency), classes="total", id="missing"),
            classes="sums",
        ),
        node("div", node("div", classes=f"share share-{share // 5 * 5}"), classes="meter", aria_hidden="true"),
        node("p", _why(screen, texts), classes="bad", role="alert") if screen.get("why") else node("p"),
        _actions(_plain(texts("pay.cancel"), ("cancel",), "cancel")),
    ]


PARTS = ("what", "why", "how_long", "who", "no", "withdraw", "beware", "contact")
"""What the paragraphs of a notice tell, behind its question, in the order in which a notice has them."""


def _notice(text: str, texts: Texts) -> list[Node]:
    """The paragraphs; with headings where they are those that every notice has, else as they come."""
    question, *others = (part for part in text.split("\n\n") if part.strip())
    parts: list[Node] = []
    for number, paragraph in enumerate(others):
        if len(others) == len(PARTS):
            parts.append(node("h2", texts(f"ask.{PARTS[number]}")))
        parts.append(node("p", paragraph))
    return [node("p", question, key="question"), *parts]


def _ask(screen: Screen, texts: Texts) -> list[Node]:
    notice = screen["notice"]
    question, *parts = _notice(notice["text"], texts)
    return [
        _heading(notice["title"]),
        question,
        node(
            "div",
            *parts,
            node("p", texts("ask.version", version=notice["version"]), classes="lead"),
            classes="notice",
            tabindex="0",
            role="region",
            aria_label=texts("ask.notice"),
        ),
        _answers(
            (texts("ask.answer_no"), texts("ask.answer_no_what")),
            (texts("ask.answer_yes"), texts("ask.answer_yes_what")),
            ("answer", False),
            ("answer", True),
        ),
    ]


def _issue(screen: Screen, texts: Texts) -> list[Node]:
    return [_hero("wait", texts("issue.title")), node("p", texts("issue.text"))]


def _hand_over(screen: Screen, texts: Texts) -> list[Node]:
    choice = screen.get("choice")
    return [
        _hero("out", texts("hand_over.title")),
        node("p", texts("hand_over.text")),
        node("p", texts(f"hand_over.{choice}"), classes="lead") if choice else node("p"),
        _actions(_plain(texts("hand_over.done"), ("taken",), "taken")),
    ]


def row_in_words(row: Mapping[str, Any], texts: Texts, zone: tzinfo | None) -> tuple[str, str]:
    """What happened and when, of one stored row."""
    when = datetime.fromtimestamp(row["at"] / 1000, tz=zone)
    said = texts("my_data.time", date=texts.date(when), hour=f"{when:%H}", minute=f"{when:%M}")
    return texts(f"my_data.row_{row['way']}", gate=row["gate"]), said


def _details(row: Mapping[str, Any], texts: Texts) -> str:
    """The rest of what is stored of it."""
    seconds = texts.number(row["transit_ms"] / 1000)
    return texts("my_data.row_details", product=texts(f"products.{row['product']}"), seconds=seconds)


def _my_data(screen: Screen, texts: Texts, zone: tzinfo | None) -> list[Node]:
    rows: Sequence[Mapping[str, Any]] | None = screen.get("rows")
    back = _plain(texts("common.home"), ("cancel",), "cancel")
    why = _why(screen, texts)
    told = node("p", why, classes="bad", role="alert", key="why") if why else node("p", key="why")
    if screen.get("waiting"):
        return [_heading(texts("my_data.wait")), node("p"), _actions(back)]
    if rows is None:
        return [
            _heading(texts("my_data.title")),
            node("p", texts("my_data.ask"), id="ask"),
            node(
                "div",
                node("label", texts("my_data.field"), for_=FIELD),
                node(
                    "input",
                    id=FIELD,
                    key="field",
                    event=("show",),
                    reads=FIELD,
                    type="text",
                    maxlength="1200",
                    autocomplete="off",
                    autocapitalize="off",
                    autocorrect="off",
                    spellcheck="false",
                    inputmode="none",
                    aria_describedby="ask",
                ),
                _button(texts("my_data.show"), event=("show",), reads=FIELD, classes="plain", id_="show"),
                classes="field",
            ),
            told,
            _actions(back),
        ]
    buttons = [back]
    if rows:
        buttons.append(_button(texts("my_data.erase"), event=("erase",), id_="erase", classes="plain"))
    if screen.get("withdrawable"):
        buttons.append(_button(texts("my_data.withdraw"), event=("withdraw",), id_="withdraw", classes="plain"))
    if not rows:
        erased = screen.get("erased") is not None
        return [
            _hero("done", texts("my_data.erased")) if erased else _heading(texts("my_data.none")),
            node("p", texts("my_data.erased_what" if erased else "my_data.none_what")),
            told,
            _actions(*buttons),
        ]
    items = []
    for row in rows:
        what, when = row_in_words(row, texts, zone)
        items.append(node("li", node("b", what), node("span", when), node("small", _details(row, texts))))
    oldest = min(row["kept_until"] for row in rows)
    kept = texts("my_data.kept", date=texts.date(datetime.fromtimestamp(oldest / 1000, tz=zone)))
    return [
        _heading(texts("my_data.rows", count=len(rows))),
        node("ul", *items, classes="rows", tabindex="0", aria_label=texts("my_data.title")),
        node("p", why, classes="bad", role="alert", key="why") if why else node("p", kept, classes="lead", key="kept"),
        _actions(*buttons),
    ]


def _sure(what: str) -> Callable[[Screen, Texts], list[Node]]:
    def view(screen: Screen, texts: Texts) -> list[Node]:
        if screen.get("waiting"):
            return [_hero("wait", texts("my_data.erasing")), node("p", texts("issue.text"))]
        return [
            _heading(texts(f"{what}.title")),
            node("p", texts(f"{what}.text")),
            node("p", texts(f"{what}.after")),
            node("div", classes="grow"),
            _answers((texts(f"{what}.no"), ""), (texts(f"{what}.yes"), ""), ("answer", False), ("answer", True)),
        ]

    return view


def _sorry(screen: Screen, texts: Texts) -> list[Node]:
    return [
        _hero("sorry", texts("sorry.title")),
        node("p", _why(screen, texts, "sorry.why_default")),
        node("p", texts("sorry.other"), classes="lead"),
        _actions(_plain(texts("common.home"), ("back",), "back")),
    ]


_SIMPLE: dict[str, Callable[[Screen, Texts], list[Node]]] = {
    "out_of_order": _out_of_order,
    "start": _start,
    "choose": _choose,
    "pay": _pay,
    "ask": _ask,
    "issue": _issue,
    "hand_over": _hand_over,
    "withdraw": _sure("withdraw"),
    "erase": _sure("erase"),
    "sorry": _sorry,
}


def _bar(texts: Texts, wanted: Sequence[str]) -> Node:
    buttons = [
        node(
            "button",
            each.name,
            event=("language", each.code),
            type="button",
            lang=each.code,
            aria_pressed="true" if each.code == texts.code else "false",
        )
        for each in languages().values()
        if each.code in wanted
    ]
    return node(
        "div",
        node("div", icon("gate"), node("span", texts("common.title")), classes="mark"),
        node("div", *buttons, classes="languages", role="group", aria_label=texts("common.languages")),
        classes="bar",
    )


def _foot(screen: Screen, texts: Texts) -> Node:
    left = screen.get("seconds_left")
    said = None if left is None else node("span", texts("common.seconds_left", seconds=left), id="left")
    if screen["state"] == "ask":
        # A third way, neither yes nor no, apart from the two and smaller: the money comes back.
        first = node("button", texts("pay.cancel"), event=("cancel",), type="button", id="cancel")
    else:
        first = node("span", texts("common.stays"))
    return node("div", first, said, classes="foot")


def _say(screen: Screen, texts: Texts) -> str:
    """What a screen reader says by itself; a new screen's heading is said because it has the focus."""
    left = screen.get("seconds_left")
    if left is not None and left <= WARN_S:
        return texts("common.seconds_left", seconds=WARN_S)
    if screen["state"] == "pay" and screen["paid_cents"]:
        currency = screen.get("currency", "EUR")
        return texts(
            "pay.say",
            paid=texts.money(screen["paid_cents"], currency),
            missing=texts.money(screen["missing_cents"], currency),
        )
    return ""


def make_view(screen: Screen, *, zone: tzinfo | None = None) -> View:
    """The page for `screen`; `zone` is the time zone in which rows are told, this machine's by default."""
    known = languages()
    texts = known.get(screen.get("language") or FALLBACK, known[FALLBACK])
    state = screen["state"]
    rows = screen.get("rows")
    scene = str(state)
    if state == "my_data":
        # What there is to read changes with these, so they are scenes of their own: the focus goes to the heading.
        erased = screen.get("erased") is not None
        scene += " ask" if rows is None else " rows" if rows else " erased" if erased else " none"
    if screen.get("waiting"):
        scene = f"{state} waiting"
    inside = _my_data(screen, texts, zone) if state == "my_data" else _SIMPLE[state](screen, texts)
    has_field = scene == "my_data ask"
    rider = node(
        "div",
        node(
            "div",
            _bar(texts, screen.get("languages") or list(known)),
            node("section", *inside, classes=f"scene scene-{state}", key=scene, aria_labelledby=HEADING),
            _foot(screen, texts),
            classes="screen",
        ),
        id="rider",
        lang=texts.code,
    )
    machine = screen.get("machine")
    return View(
        node(
            "div",
            node("p", id="say", classes="say", role="status"),
            rider,
            around(machine, texts) if machine is not None else None,
            classes="kiosk emulated" if machine is not None else "kiosk",
        ),
        scene,
        FIELD if has_field else HEADING,
        _say(screen, texts),
        texts.code,
        texts("common.title"),
    )
