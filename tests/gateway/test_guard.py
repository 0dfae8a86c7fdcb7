"""Before the HTTP server: hosts, origins, headers, the nonce in pages; bounds on pages handed out and on the log."""

import io
import logging
import re
import socket
import subprocess
import sys
import time
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from nicegui import Client
from starlette.types import Message, Receive, Scope, Send

from gateway.api.guard import Guard, is_ours
from gateway.api.server import config
from gateway.web import access
from gateway.web.access import Action, allowed
from gateway.web.crowd import IN_TIME_S, WAITING_MAX, Crowd
from gateway.web.log_lines import LINE_MAX, TRACE_LINES_MAX, Bounded
from tests.support import run_async

HOST = "127.0.0.1:8080"


def make_app() -> Guard:
    app = FastAPI()

    @app.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("<script>one()</script><p>text</p><script type='module'>two()</script>")

    @app.get("/own")
    def own() -> HTMLResponse:
        return HTMLResponse("<script>one()</script>", headers={"Content-Security-Policy": "default-src 'none'"})

    @app.get("/in-parts")
    def in_parts() -> StreamingResponse:
        return StreamingResponse(iter([b"<scr", b"ipt>one()</script>"]), media_type="text/html")

    @app.get("/json")
    @app.post("/json")
    def json() -> dict[str, int]:
        return {"n": 1}

    @app.get("/headers")
    def headers(request: Request) -> dict[str, str]:
        return dict(request.headers)

    @app.websocket("/socket")
    async def socket_(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("there")
        await websocket.close()

    return Guard(app, ["gates.example"])


GUARD = make_app()


def ask(method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(GUARD), base_url=f"http://{HOST}") as client:
            return await client.request(method, path, headers=headers)

    return run_async(once())


def socket_opens(headers: dict[str, str]) -> bool:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/socket", "headers": raw, "query_string": b"", "subprotocols": []}
    run_async(GUARD(scope, receive, send))
    return bool(sent[0]["type"] == "websocket.accept")


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8080", True),
        ("127.0.0.1", True),
        ("[::1]:8080", True),
        ("localhost:8080", True),
        ("LOCALHOST", True),
        ("192.168.1.20:8080", True),
        (socket.gethostname(), True),
        ("gates.example", True),
        ("gates.example.evil", False),
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("localhost:8080:evil", False),
    ],
)
def test_hosts(host: str, ours: bool) -> None:
    assert is_ours(host, ["gates.example"]) is ours


def test_a_foreign_host_is_refused() -> None:
    answer = ask("GET", "/json", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "--http-name" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", f"http://{HOST}.evil"])
def test_a_foreign_page_changes_nothing(origin: str) -> None:
    for method in ("POST", "GET", "HEAD", "OPTIONS"):
        answer = ask(method, "/json", headers={"origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert not socket_opens({"host": HOST, "origin": origin})
    assert not socket_opens({"host": "evil.example"})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_may_only_lead_here(site: str) -> None:
    link = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask("GET", "/page", headers=link).status_code == 200
    for changed in (
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty"},
        {"sec-fetch-dest": "iframe"},
        {"sec-purpose": "prefetch;prerender"},
    ):
        answer = ask("GET", "/page", headers=link | changed)
        assert answer.status_code == 403
        assert "another page" in answer.json()["detail"]
    assert ask("POST", "/json", headers=link).status_code == 403
    assert ask("GET", "/page", headers={"sec-fetch-site": site}).status_code == 403
    assert not socket_opens({"host": HOST, "sec-fetch-site": site})


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_may_fetch(site: str) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
    assert ask("GET", "/json", headers=headers).status_code == 200


def test_what_a_proxy_says_is_not_believed() -> None:
    told = {
        "x-forwarded-prefix": "//evil.example",
        "X-Forwarded-Host": "evil.example",
        "forwarded": "host=evil.example",
    }
    answer = ask("GET", "/headers", headers=told | {"accept": "text/plain"})
    assert answer.json()["accept"] == "text/plain"
    assert "evil" not in answer.text
    # Neither by uvicorn, which would else believe everybody on this machine.
    assert config(FastAPI()).proxy_headers is False


@pytest.mark.parametrize("headers", [{}, {"origin": f"http://{HOST}"}, {"origin": f"https://{HOST}"}])
def test_our_own_page_and_programs_may(headers: dict[str, str]) -> None:
    assert ask("POST", "/json", headers=headers).json() == {"n": 1}
    assert socket_opens(headers | {"host": HOST})


def test_every_script_of_a_page_has_the_nonce_of_its_policy() -> None:
    answer = ask("GET", "/page")
    nonces = re.findall(r'<script nonce="([^"]+)"', answer.text)
    assert len(nonces) == 2 == answer.text.count("<script")
    assert len(set(nonces)) == 1
    policy = answer.headers["content-security-policy"]
    assert f"'nonce-{nonces[0]}'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert ask("GET", "/page").text != answer.text


def test_a_page_in_parts_is_put_together() -> None:
    assert re.fullmatch(r'<script nonce="[^"]+">one\(\)</script>', ask("GET", "/in-parts").text)


def test_a_page_with_its_own_policy_keeps_it() -> None:
    answer = ask("GET", "/own")
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert answer.text == "<script>one()</script>"


def test_every_answer_has_the_headers() -> None:
    for answer in (ask("GET", "/json"), ask("GET", "/page"), ask("GET", "/none"), ask("POST", "/json")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the decision: nobody may look, and so steer."""
    monkeypatch.setattr(access, "allowed", lambda action, site_class="": False)


def test_who_may_not_look_gets_no_page_and_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("GET", "/page").status_code == 200 and socket_opens({"host": HOST})
    nobody_looks(monkeypatch)
    for method, path in (("GET", "/page"), ("GET", "/json"), ("POST", "/json"), ("GET", "/my-datas"), ("GET", "/v1/x")):
        answer = ask(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json"), path
        assert "may not look" in answer.json()["detail"]
    assert not socket_opens({"host": HOST})


def test_what_riders_and_kiosks_have_a_right_to_is_nobodys_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody_looks(monkeypatch)
    for path in ("/my-data", "/notice", "/inventory", "/v1/my-data/erase", "/v1/notices/1", "/v1/kiosk/sign"):
        assert ask("GET", path).status_code == 404, "the guard let it through to an application that hasn't got it"


def test_nobody_steers_what_is_physical() -> None:
    assert allowed(Action.LOOK)
    assert not allowed(Action.STEER)
    assert allowed(Action.LOOK, "physical")
    assert allowed(Action.LOOK, "emulated")
    assert allowed(Action.STEER, "emulated")
    assert not allowed(Action.STEER, "physical")
    assert not allowed(Action.STEER, "")


class Waiting:
    """A page that no browser has connected to; what NiceGUI's own pruning looks at."""

    has_socket_connection = False
    _delete_tasks: ClassVar[dict[str, object]] = {}

    def __init__(self, instances: dict[str, Any], age_s: float = 0.0) -> None:
        self.id = str(len(instances))
        self.created = time.time() - age_s
        self._instances = instances
        instances[self.id] = self

    def delete(self) -> None:
        del self._instances[self.id]


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    instances: dict[str, Any] = {}
    monkeypatch.setattr(Client, "instances", instances)
    return instances


def fetch(path: str) -> httpx.Response:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("a page")(scope, receive, send)

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(Crowd(page))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.get(path)

    return run_async(once())


def test_pages_that_nobody_connects_to_are_bounded(handed_out: dict[str, Any]) -> None:
    for _ in range(WAITING_MAX - 1):
        Waiting(handed_out)
    assert fetch("/").status_code == 200
    last = Waiting(handed_out)
    answer = fetch("/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Try again" in answer.json()["detail"]
    assert fetch("/_nicegui/components/x.js").status_code == 200, "pages that are there already need these"
    last.has_socket_connection = True
    assert fetch("/").status_code == 200


def test_what_nobody_connected_to_in_time_makes_room(handed_out: dict[str, Any]) -> None:
    used = Waiting(handed_out, age_s=100)
    used.has_socket_connection = True
    for _ in range(WAITING_MAX):
        Waiting(handed_out, age_s=IN_TIME_S + 1)
    assert fetch("/").status_code == 200
    assert list(handed_out.values()) == [used]


def logged(*messages: str, every_s: float) -> list[str]:
    """What a logger with the bounds writes, ``every_s`` apart."""
    out = io.StringIO()
    logger = logging.Logger("bounded")
    logger.addHandler(logging.StreamHandler(out))
    times = iter(n * every_s for n in range(len(messages)))
    logger.addFilter(Bounded(lambda: next(times)))
    for message in messages:
        try:
            raise ValueError(message)
        except ValueError as error:
            logger.error(message, exc_info=error if message.startswith("trace") else None)
    return out.getvalue().splitlines()


def test_a_browser_forges_no_line_of_the_log() -> None:
    assert logged("one\r\ngateline: all is well\x1b[2J\u2028end %s", every_s=1) == [
        "one\\r\\ngateline: all is well\\x1b[2J\\u2028end %s"
    ]
    (line,) = logged("x" * 10_000, every_s=1)
    assert len(line) < LINE_MAX + 10
    first, *rest = logged("trace\ngateline: all is well\n" + "\n".join("y" * 999 for _ in range(99)), every_s=1)
    assert first.startswith("trace\\ngateline")
    assert rest
    assert len(rest) <= TRACE_LINES_MAX
    assert all(line.startswith("    ") and len(line) < LINE_MAX + 10 for line in rest)


def test_a_browser_does_not_fill_the_log() -> None:
    assert logged(*"abcdef", every_s=0.5) == ["a", "c (1 more were left out)", "e (1 more were left out)"]
    assert logged("a", "b", every_s=1) == ["a", "b"]
    assert "trace" in logged("a", "b", "trace", "c", every_s=0), "lines keep no traceback out"


def test_the_pages_are_installed_with_both_bounds() -> None:
    """In a process of its own: NiceGUI is one per process."""
    code = """
import logging
from fastapi import FastAPI
from nicegui import app
from gateway.web import log_lines, site
site.install(FastAPI())
print(any(one.cls is site.Crowd for one in app.user_middleware))
for name in log_lines.LOGGERS:
    print(any(isinstance(one, log_lines.Bounded) for one in logging.getLogger(name).filters))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True"] * 5
