"""The guard before everything that the gateway's HTTP server answers: who is asked for, by whom, with which headers.

Rules: a request whose Host is neither an address nor a name that this gateway was given is refused, so that no page
from elsewhere can reach it under a name of its own (DNS rebinding). What comes from a page must come from one of ours:
a page from elsewhere may lead a person here, and do nothing else (a page of ours costs work even when nobody may see
the answer). Whoever may not look (gateway/web/access.py) is refused here, for all pages, streams and the API. What a
proxy says about addresses is not believed, because anybody may say it. Answers get the headers that belong on them,
pages a policy: no page loads anything from elsewhere. NiceGUI turns templates into functions, so its pages need
`unsafe-eval`, and charts style their own elements; scripts that stand in the document need the nonce.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import problem
from gateway.web import access

HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_PORT: Final = re.compile(r":\d{1,5}$")


def policy(nonce: str) -> str:
    """The content security policy of a NiceGUI page."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self'; font-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def is_ours(host: str, names: Iterable[str] = ()) -> bool:
    """Whether a Host header names this machine: an address, `localhost`, its own name, or one of ``names``."""
    name = _PORT.sub("", host).strip("[]").lower()
    own = socket.gethostname().lower()
    if name in ("localhost", own, f"{own}.local", *(one.lower() for one in names)):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_of_proxy(name: bytes) -> bool:
    """Whether a header tells of a proxy: NiceGUI would write X-Forwarded-Prefix into its pages."""
    return name.lower().startswith(b"x-forwarded-") or name.lower() == b"forwarded"


def _leads_here(scope: Scope, headers: Headers) -> bool:
    """Whether a browser opens a page of ours as a document of its own: a link that somebody followed."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        # Fetched beforehand, for a page that nobody has asked for yet.
        and "sec-purpose" not in headers
    )


class Guard:
    """ASGI: refuses strangers and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        """``names``: what else this gateway is called, by whoever reaches it through a proxy."""
        self.app = app
        self._names = tuple(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope = {**scope, "headers": [pair for pair in scope["headers"] if not _is_of_proxy(pair[0])]}
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:100]})
            return
        answer = _Headed(send)
        if refusal is None:
            await self.app(scope, receive, answer)
        else:
            await problem(Request(scope), *refusal)(scope, receive, answer)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the sentence for what is refused."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_ours(host, self._names):
            return 400, (
                "This gateway does not answer under that name; ask for it by its address or as localhost, or tell it "
                "the name with --http-name."
            )
        # A proxy that speaks TLS passes the page's own origin on, which says https.
        strange = origin is not None and origin not in (f"http://{host}", f"https://{host}")
        if strange or (
            headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _leads_here(scope, headers)
        ):
            return 403, "That came from another page than the gateway's own, and was refused."
        if not access.may_see(scope["path"]):
            return 403, "You may not look at this gateway; riders find their own data at /my-data all the same."
        return None


class _Headed:
    """`send` of one answer. A page is held back until it is whole: its scripts get the nonce of its policy."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._nonce = ""
        self._head: Message | None = None
        self._page = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
            # A page with a policy of its own keeps it.
            if headers.get("content-type", "").startswith("text/html") and "content-security-policy" not in headers:
                self._nonce = secrets.token_urlsafe(16)
                headers["content-security-policy"] = policy(self._nonce)
                headers.setdefault("cache-control", "no-store")
                self._head = {**message, "headers": headers.raw}
                return
        elif self._head is not None:
            self._page += message.get("body", b"")
            if message.get("more_body"):
                return
            page = _with_nonce(self._page, self._nonce)
            headers = MutableHeaders(raw=self._head["headers"])
            headers["content-length"] = str(len(page))
            await self._send(self._head)
            self._head = None
            message = {**message, "body": page}
        await self._send(message)


def _with_nonce(page: bytes, nonce: str) -> bytes:
    return re.sub(rb"<script\b", b'<script nonce="%s"' % nonce.encode("ascii"), page)
