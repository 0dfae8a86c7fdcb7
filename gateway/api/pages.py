"""The gateway's plain pages: "my data", what riders are told, the data inventory.

Rules: a page is one file without anything from elsewhere; its scripts and styles carry a nonce that is new for each
answer, and the policy allows nothing else. Texts in several languages are data (gateway/web/texts); which one is shown
says ``?lang=``, else the browser. What is put into a page is escaped.
"""

from __future__ import annotations

import json
import re
import secrets
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final, cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gateway.consent.inventory import HEADINGS, sections
from gateway.consent.notices import TEXTS
from gateway.service import Service

router = APIRouter(include_in_schema=False)

LANGUAGES: Final = ("en", "de")
DAYS_BEFORE: Final = 3
"""Days that the page asks for beyond those that are kept: today, and two for a service day that begins late."""


@cache
def _file(name: str) -> str:
    return files("gateway.web").joinpath(name).read_text(encoding="utf-8")


@cache
def texts(page: str, language: str) -> dict[str, str]:
    """The texts of a page in ``language``."""
    return cast(dict[str, str], json.loads(_file(f"texts/{page}.{language}.json")))


def _links(page: str, language: str) -> str:
    """The languages to choose from, as items of a list."""
    return "".join(
        f'<li><a href="?lang={one}" lang="{one}" hreflang="{one}"'
        + (' aria-current="true"' if one == language else "")
        + f">{escape(texts(page, one)['language'])}</a></li>"
        for one in LANGUAGES
    )


def language_of(request: Request) -> str:
    """The language that ``?lang=`` names, else the one that the browser likes best of those there are."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return asked
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(request.headers.get("accept-language", "")[:500].split(",")):
        match = re.fullmatch(r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*", part)
        if match and match[1].lower() in LANGUAGES:
            liked.append((-float(match[2] or 1), place, match[1].lower()))
    return min(liked)[2] if liked else LANGUAGES[0]


def _answer(page: str, **values: str) -> HTMLResponse:
    """The page with ``{{name}}`` replaced by values, which are HTML already."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    known = values | {"nonce": nonce}
    return HTMLResponse(
        # One pass, so that nothing that was put in is replaced again.
        re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], page),
        headers={
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )


@router.get("/my-data")
def my_data_page(request: Request) -> HTMLResponse:
    """What is stored under a pass, and erasing it; the pass stays in the browser."""
    service = cast(Service, request.app.state.service)
    language = language_of(request)
    words = texts("my-data", language)
    keep_days = service.keeping.retention.keep_days
    data: dict[str, Any] = {"texts": words, "lang": language, "now": service.now_ms(), "keep_days": keep_days}
    shown = {name: escape(text.replace("{days}", str(keep_days + DAYS_BEFORE))) for name, text in words.items()}
    return _answer(
        _file("my-data.html"),
        **shown,
        lang=language,
        languages=_links("my-data", language),
        # "</" would end the script's element; "\/" is the same to JSON.
        data=json.dumps(data).replace("</", "<\\/"),
    )


@router.get("/notice")
def notice_page(request: Request) -> HTMLResponse:
    """What riders are told before they are asked, as they read it; the current notice."""
    notices = cast(Service, request.app.state.service).notices
    language, notice = language_of(request), notices.current()
    words, shown = texts("notice", language), notice.filled(*notices.operator())[language]
    content = "\n".join(
        f"<h2>{escape(words[name])}</h2>\n<p>{escape(shown[name])}</p>"
        for name in TEXTS
        if name not in ("title", "question")
    )
    return _answer(
        _file("notice.html"),
        **{name: escape(text) for name, text in words.items() if name.startswith("link_")},
        lang=language,
        languages=_links("notice", language),
        title=escape(shown["title"]),
        question=escape(shown["question"]),
        content=content,
        version=escape(words["version"].replace("{version}", notice.version)),
        sha256=notice.sha256,
    )


@router.get("/inventory")
def inventory_page() -> HTMLResponse:
    """The data inventory."""
    return _answer(_file("inventory.html"), content=_inventory())


@cache
def _inventory() -> str:
    parts, kind = [], ""
    for section in sections():
        if section.kind != kind:
            kind = section.kind
            parts.append(f"<h2>{HEADINGS[kind]}s</h2>")
        rows = "".join(
            f'<tr><th scope="row">{_words(entry.name)}</th><td>{_words(entry.why)}</td>'
            f'<td data-label="how long">{_words(entry.how_long)}</td><td data-label="who">{_words(entry.who)}</td></tr>'
            for entry in section.entries
        )
        about = f"<p>{_words(section.about)}</p>" if section.about else ""
        parts.append(
            f"<section><h3>{escape(section.name)}</h3>{about}<table><thead><tr>"
            '<th scope="col">field</th><th scope="col">why</th><th scope="col">how long</th><th scope="col">who</th>'
            f"</tr></thead><tbody>{rows}</tbody></table></section>"
        )
    return "\n".join(parts)


def _words(text: str) -> str:
    """Text with its `code` marked up."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
