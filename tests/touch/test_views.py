"""The kiosk's screens as trees: every state in every language, equal answers, no pass on the rider's screen, texts."""

import json
import tomllib
from base64 import b64decode
from datetime import UTC
from typing import Any

import pytest

from firmware.kiosk.texts import PAPER, paid
from firmware.kiosk.touch.machine import qr_code
from firmware.kiosk.touch.nodes import Node, find, node, words
from firmware.kiosk.touch.texts import keys, languages
from firmware.kiosk.touch.views import FIELD, HEADING, PARTS, make_view, row_in_words
from gateway.consent import receipt
from gateway.consent.notices import shipped
from simulator.kiosk.paced import paper
from tests.support import ROOT
from tests.touch.screens import EMPTY_MACHINE, PASS_TEXT, RECEIPT, ROWS, TICKET, notice, screens

TEXTS = sorted((ROOT / "firmware" / "kiosk" / "touch" / "texts").glob("*.toml"))

ALL = [pytest.param(screen, id=name) for name, screen in screens().items()]


def everything(root: Node) -> str:
    """All that a node tells the browser."""
    return repr(root)


def test_there_are_english_and_german() -> None:
    assert list(languages())[:1] == ["en"]
    assert {"en", "de"} <= set(languages())
    assert len(languages()) == len(TEXTS)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_language_has_the_same_keys(path: Any) -> None:
    english = tomllib.loads((path.parent / "en.toml").read_text(encoding="utf-8"))
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert keys(data) == keys(english)
    assert data["code"] == path.stem
    assert (len(data["weekdays"]), len(data["months"])) == (7, 12)


def placeholders(value: Any) -> list[str]:
    import string

    return sorted(name for _, name, _, _ in string.Formatter().parse(value) if name) if isinstance(value, str) else []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_language_fills_in_the_same(path: Any) -> None:
    english = tomllib.loads((path.parent / "en.toml").read_text(encoding="utf-8"))
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    for section, texts in english.items():
        if isinstance(texts, dict):
            for name, text in texts.items():
                assert placeholders(data[section][name]) == placeholders(text), f"{section}.{name}"


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("screen", ALL)
def test_every_screen_can_be_drawn(screen: dict[str, Any], code: str) -> None:
    view = make_view({**screen, "language": code, "machine": EMPTY_MACHINE})
    headings = [one for one in find(view.root, id=HEADING) if one.tag == "h1"]
    assert len(headings) == 1 and headings[0].text
    assert len(find(view.root, id=view.focus_id)) == 1
    said = words(view.root)
    assert "{" not in said and "None" not in said, said
    assert view.language == code and find(view.root, id="rider")[0].props["lang"] == code


@pytest.mark.parametrize("screen", ALL)
def test_every_screen_has_every_language(screen: dict[str, Any]) -> None:
    view = make_view({**screen, "language": "en"})
    for code in languages():
        buttons = [one for one in find(view.root, lang=code) if one.tag == "button"]
        assert [one.event for one in buttons] == [("language", code)]
        assert buttons[0].props["aria-pressed"] == ("true" if code == "en" else "false")


def test_an_unknown_language_is_english() -> None:
    assert make_view({"state": "start", "language": "xx"}).language == "en"


@pytest.mark.parametrize("screen", ALL)
def test_no_pass_is_ever_on_the_riders_screen(screen: dict[str, Any]) -> None:
    shown = {**screen, "pass_text": PASS_TEXT, "receipt": RECEIPT, "language": "en"}
    assert PASS_TEXT not in everything(make_view(shown).root)
    ticket = TICKET | {"receipt": RECEIPT}
    view = make_view({**shown, "machine": {**EMPTY_MACHINE, "ticket": ticket}})
    assert PASS_TEXT not in everything(find(view.root, id="rider")[0])
    assert PASS_TEXT in everything(find(view.root, id="machine")[0])


@pytest.mark.parametrize("state", ["ask", "erase", "withdraw"])
@pytest.mark.parametrize("code", languages())
def test_the_two_answers_differ_in_words_only(state: str, code: str) -> None:
    root = make_view({**screens()[state], "language": code}).root
    (no,), (yes,) = find(root, id="no"), find(root, id="yes")
    assert (no.event, yes.event) == (("answer", False), ("answer", True))
    assert (no.tag, no.classes, set(no.props)) == (yes.tag, yes.classes, set(yes.props))
    assert [child.tag for child in no.children] == [child.tag for child in yes.children]
    assert make_view({**screens()[state], "language": code}).focus_id == HEADING, "an answer must not have the focus"


@pytest.mark.parametrize("screen", ALL)
@pytest.mark.parametrize("code", languages())
def test_the_name_of_a_button_has_the_words_that_are_seen_on_it(screen: dict[str, Any], code: str) -> None:
    """WCAG 2.5.3."""
    machine = {**EMPTY_MACHINE, "cup_cents": 150, "ticket": TICKET | {"receipt": RECEIPT}}

    def below(one: Node) -> list[Node]:
        return [one, *(inner for child in one.children for inner in below(child))]

    named = [one for one in below(make_view({**screen, "language": code, "machine": machine}).root) if one.event]
    named = [one for one in named if "aria-label" in one.props]
    assert {words(one) for one in named} >= {"2 €", "1 €", "50 c"}
    for one in named:
        assert words(one) in one.props["aria-label"]


@pytest.mark.parametrize("code", languages())
def test_the_receipt_is_there_as_json_for_who_wants_it(code: str) -> None:
    document: dict[str, Any] = {
        "kind": "pass",
        "language": code,
        "product": "single",
        "choice": "research",
        "exchanged": False,
        "price_cents": 250,
        "currency": "EUR",
        "valid_from": 20740,
        "valid_to": 20769,
        "pass_text": PASS_TEXT,
        "list_hash": "ab" * 32,
        "notice": "2026-1",
        "receipt": {**receipt.template(shipped()[-1], code, "Linnhafen", "am Bahnhof"), "consentTimestamp": 900},
    }
    document["receipt"]["consentReceiptID"] = "00" * 16
    document["receipt"]["collectionMethod"] = "kiosk"
    shown = make_view({"state": "start", "language": code, "machine": {**EMPTY_MACHINE, "ticket": paper(document)}})
    (link,) = find(shown.root, id="receipt-json")
    assert link.tag == "a" and link.props["download"].endswith(".json") and link.text
    head, _, body = link.props["href"].partition(",")
    assert head == "data:application/json;base64"
    assert json.loads(b64decode(body)) == document["receipt"]
    bare = paper({**document, "receipt": None, "choice": "none"})
    view = make_view({"state": "start", "language": code, "machine": {**EMPTY_MACHINE, "ticket": bare}})
    assert not find(view.root, id="receipt-json")


@pytest.mark.parametrize("code", languages())
def test_the_notice_is_shown_whole(code: str) -> None:
    shown = notice(code)
    said = words(make_view({**screens()["ask"], "notice": shown, "language": code}).root)
    for paragraph in (shown["title"], *shown["text"].split("\n\n")):
        assert paragraph in said
    for name in PARTS:
        assert languages()[code](f"ask.{name}") in said
    assert "2026-1" in said


def test_headings_stand_over_the_paragraphs_that_they_name() -> None:
    """The shipped notice has its paragraphs in the order of PARTS."""
    value = tomllib.loads((ROOT / "gateway" / "consent" / "shipped" / "2026-1.toml").read_text(encoding="utf-8"))
    assert tuple(value["en"]) == ("title", "question", *PARTS)


def test_a_notice_of_another_shape_is_shown_without_headings() -> None:
    shown = {"version": "2027-1", "title": "Well?", "text": "One.\n\nTwo.\n\nThree."}
    root = make_view({**screens()["ask"], "notice": shown}).root
    assert all(part in words(root) for part in ("Well?", "One.", "Two.", "Three."))
    assert languages()["en"]("ask.what") not in words(root)


def test_money_and_days_are_said_as_each_language_says_them() -> None:
    english, german = languages()["en"], languages()["de"]
    assert [english.money(cents) for cents in (0, 5, 250, 100_000)] == ["€0.00", "€0.05", "€2.50", "€1000.00"]
    assert german.money(250) == "2,50 €"
    # Paper says it in the same form, without the no-break space that printers lack.
    for texts in (english, german):
        for currency in ("EUR", "CHF"):
            assert paid(PAPER[texts.code], 250, currency) == texts.money(250, currency).replace(
                "\N{NO-BREAK SPACE}", " "
            )
    assert english.money(250, "CHF") == "CHF\N{NO-BREAK SPACE}2.50"
    assert [english.number(value) for value in (1.25, 1.5, 1.0, 10.0)] == ["1.25", "1.5", "1", "10"]
    assert row_in_words(ROWS[0], english, UTC) == ("In at gate-1", "Tuesday 13 October, about 14:15")
    assert row_in_words(ROWS[1], german, UTC) == ("Hinaus bei gate-4", "Dienstag, 13. Oktober, gegen 20:15 Uhr")


def test_the_field_for_a_pass_keeps_nothing() -> None:
    (field,) = [one for one in find(make_view(screens()["my_data"]).root, id=FIELD) if one.tag == "input"]
    assert field.props["autocomplete"] == "off" and field.props["spellcheck"] == "false"
    assert "name" not in field.props and "value" not in field.props


def test_a_pass_fits_the_alphanumeric_mode() -> None:
    import segno

    assert len(PASS_TEXT) == 476
    code = segno.make(PASS_TEXT, error="m", micro=False, boost_error=False)
    assert (code.mode, code.version) == ("alphanumeric", 13)
    assert qr_code(PASS_TEXT).startswith("data:image/svg+xml")


def test_text_beside_elements_is_refused() -> None:
    with pytest.raises(ValueError, match="wrap the text"):
        node("p", "text", node("b", "more"))
