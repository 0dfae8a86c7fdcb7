"""The machine around an emulated kiosk's screen: coin slot, coin cup and ticket tray, as nodes.

Rules: it stands visibly apart from the rider's screen, and only where the hardware is emulated. What it shows is what
lies in the machine now: a ticket that was taken is gone from the page. Its events begin with "machine" and go to the
hardware.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import segno

from firmware.kiosk.texts import SIGNS
from firmware.kiosk.touch.nodes import Node, node
from firmware.kiosk.touch.texts import Texts

SMALL_COIN_CENTS = 50
"""Up to here a coin looks like brass."""


@lru_cache(maxsize=1)
def qr_code(text: str) -> str:
    """`text` as a QR code, a data URI of an SVG. Its capitals and digits fit the alphanumeric mode: a small code."""
    return segno.make(text, error="m", micro=False, boost_error=False).svg_data_uri(scale=4, border=4, light="#fff")


def forget() -> None:
    """Forget the last code."""
    qr_code.cache_clear()


def _coins(machine: Mapping[str, Any], texts: Texts) -> Node:
    coins = []
    for cents in machine["coins"]:
        sign = SIGNS.get(machine.get("currency", "EUR"), machine.get("currency", "EUR"))
        face = f"{cents // 100} {sign}" if cents >= 100 and cents % 100 == 0 else f"{cents} c"
        coins.append(
            node(
                "button",
                face,
                classes="coin small" if cents <= SMALL_COIN_CENTS else "coin",
                event=("machine", "insert", cents),
                type="button",
                # The name has the words that are seen: who speaks to a computer says what they see (WCAG 2.5.3).
                aria_label=texts("machine.insert", money=face),
            )
        )
    return node(
        "div", node("h3", texts("machine.coins")), node("div", *coins, classes="coins"), classes="part", key="coins"
    )


def _cup(machine: Mapping[str, Any], texts: Texts) -> Node:
    cents = machine["cup_cents"]
    inside = (
        node(
            "button",
            texts("machine.cup_take", money=texts.money(cents, machine.get("currency", "EUR"))),
            event=("machine", "take_money"),
            type="button",
            id="take-money",
        )
        if cents
        else node("p", texts("machine.cup_empty"))
    )
    return node("div", node("h3", texts("machine.cup")), inside, classes="part", key="cup", id="cup")


def _tray(machine: Mapping[str, Any], texts: Texts) -> Node:
    ticket = machine.get("ticket")
    title = node("h3", texts("machine.tray"))
    if not ticket:
        forget()
        return node("div", title, node("p", texts("machine.tray_empty")), classes="part", key="tray", id="tray")
    text = ticket["pass_text"]
    # Taking a pass copies its text, too: else it would be gone with the paper.
    copies = {"data_copies": "qr-text"} if text else {}
    buttons = [
        node(
            "button",
            texts("machine.take_pass" if text else "machine.take"),
            event=("machine", "take_ticket"),
            type="button",
            id="take-ticket",
            **copies,
        )
    ]
    paper = [node("h4", ticket["title"])]
    if text:
        buttons.append(
            node("button", texts("machine.copy"), type="button", data_copies="qr-text", key="copy", id="copy")
        )
        if machine.get("present_url"):
            buttons.append(
                node(
                    "a",
                    texts("machine.present"),
                    classes="press quiet",
                    # Behind the #, so that no server is told of the pass.
                    href=machine["present_url"] + "#pass=" + text,
                    target="_blank",
                    rel="noopener noreferrer",
                    id="present",
                )
            )
        paper += [
            node("img", src=qr_code(text), alt=texts("machine.qr"), id="qr"),
            node("pre", text, classes="code", id="qr-text", tabindex="0"),
        ]
    paper += [node("p", line) for line in ticket["lines"]]
    if ticket.get("receipt"):
        paper += [node("h4", texts("machine.receipt")), node("pre", ticket["receipt"], id="receipt")]
        if ticket.get("receipt_json"):
            paper.append(
                node(
                    "a",
                    texts("machine.receipt_json"),
                    href="data:application/json;base64," + b64encode(ticket["receipt_json"].encode()).decode(),
                    download="consent-receipt.json",
                    id="receipt-json",
                )
            )
    return node(
        "div",
        title,
        node("div", *buttons, classes="taking"),
        node("div", *paper, classes="paper", lang=""),
        classes="part",
        key="tray-pass" if text else "tray-paper",
        id="tray",
    )


def around(machine: Mapping[str, Any], texts: Texts) -> Node:
    """The whole machine: {"coins": [cents…], "currency", "cup_cents", "ticket", "present_url"}.

    The ticket is None or {"title", "lines", "receipt", "pass_text"}; the last two may be None. With a receipt there may
    be "receipt_json", the same as the standards' JSON.
    """
    return node(
        "aside",
        node("h2", texts("machine.title")),
        node("p", texts("machine.what")),
        _coins(machine, texts),
        _cup(machine, texts),
        _tray(machine, texts),
        classes="around",
        id="machine",
        lang=texts.code,
        aria_label=texts("machine.title"),
    )
