"""The emulated gateline's own page: lanes seen from the side, and a reader to which anybody may hold a pass.

A synthetic rider with that medium walks up to the gate and does what the lamp says. The page shows what a rider sees
(the lamp, the arm), not why.

Rules: served by the simulator on the loopback address, never by the gateway, which must not see a pass. Nothing of a
pass is kept, logged or sent on but to the reader. Only this page's own scripts may present: a request must name this
very host (so no other site's name can stand for it) and come as JSON (which no other site can send unasked). Bounded:
so many open streams, so large a request.

Addresses: `GET /` the page; `GET /lanes` a stream of server-sent events, one JSON object each: `lanes` (those that
changed), and what each presenting came to is asked by `GET /riders/<name>`; `POST /present` {"lane", "text"} answers
{"rider", "read"}. `read` is what anybody with the public keys can read from that pass.
"""

import base64
import binascii
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from simulator.errors import UserError
from simulator.live import LiveStation

HOST = "127.0.0.1"
STREAMS_MAX = 16
REQUEST_MAX_BYTES = 16 * 1024
MEDIUM_MAX_BYTES = 4096  # more than any gate reads, so that one can be seen to refuse it
_FRAME_S = 0.1
_IDLE_S = 15.0  # a stream in which nothing moves says so little more often, so that its end is noticed


@dataclass(frozen=True)
class Reading:
    """What a medium says to everybody who has the public keys."""

    nonce: bytes
    product: str
    consent: bool
    says: str


Read = Callable[[bytes], Reading | None]
"""None: no pass under a key that is known."""


def medium_of(text: str) -> bytes:
    """What a reader gets of a text that was scanned, typed or pasted: its characters, without white space around."""
    return text.strip().encode("utf-8", "replace")


def pass_bytes(medium: bytes) -> bytes | None:
    """The 297 bytes of a pass, given as they are or as the text of its QR code (docs/passes.md); None: it is none."""
    if len(medium) == 297:
        return medium
    try:
        text = medium.strip().upper()
        data = base64.b32decode(text + b"=" * (-len(text) % 8))
    except binascii.Error:
        return None
    return data if len(data) == 297 else None


class GatelinePage:
    """Serves the page of a station that runs; `url` is its address."""

    def __init__(self, station: LiveStation, read: Read, links: dict[str, str], port: int = 0) -> None:
        """`links` are named addresses to show beside. UserError when the port can't be had."""
        self.station = station
        self.read = read
        self.links = links
        self.closing = threading.Event()
        self.streams = threading.BoundedSemaphore(STREAMS_MAX)
        self.page = files("simulator.web").joinpath("gateline.html").read_text(encoding="utf-8")
        try:
            self._server = _Server((HOST, port), self)
        except OSError as error:
            raise UserError(f"Port {port} on {HOST} can't be used for the gateline page: {error.strerror}.") from error
        self.port = int(self._server.server_address[1])
        self.url = f"http://{HOST}:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="gateline page")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all streams and the server."""
        self.closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def present(self, lane: str, text: str) -> dict[str, Any]:
        """Hold `text` to the reader of `lane`; raises ValueError with a sentence."""
        medium = medium_of(text)
        if not medium:
            raise ValueError("There is nothing to hold to the reader yet: paste or scan the text of a pass.")
        if len(medium) > MEDIUM_MAX_BYTES:
            raise ValueError(f"No QR code holds so much: at most {MEDIUM_MAX_BYTES} characters.")
        reading = self.read(medium)
        nonce, product, consent = (
            (b"", None, None) if reading is None else (reading.nonce, reading.product, reading.consent)
        )
        rider = self.station.present(lane, medium, nonce, product, consent)
        says = "Nothing that a published key would vouch for." if reading is None else reading.says
        return {"rider": rider, "read": says}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], page: GatelinePage) -> None:
        super().__init__(address, _Handler)
        self.page = page

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "gateline"
    sys_version = ""
    timeout = 30.0

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: the page is about passes."""

    def do_GET(self) -> None:
        if not self._from_here():
            return
        if self.path == "/":
            self._page()
        elif self.path == "/lanes":
            self._stream()
        elif self.path.startswith("/riders/"):
            self._answer(HTTPStatus.OK, {"outcome": self._page_of.station.outcome(unquote(self.path[8:]))})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "There is nothing at this address."})

    def do_POST(self) -> None:
        if not self._from_here():
            return
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > REQUEST_MAX_BYTES:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "No QR code holds so much."})
            return
        body = self.rfile.read(int(length))
        if self.path != "/present" or self.headers.get_content_type() != "application/json":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "There is nothing at this address."})
            return
        try:
            asked = json.loads(body)
            lane, text = asked["lane"], asked["text"]
            if not isinstance(lane, str) or not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": 'It takes {"lane": "gate-1", "text": "…"}.'})
            return
        try:
            self._answer(HTTPStatus.OK, self._page_of.present(lane, text))
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    @property
    def _page_of(self) -> GatelinePage:
        return self.server.page

    def _from_here(self) -> bool:
        port = self._page_of.port
        if self.headers.get("Host", "") in (f"{HOST}:{port}", f"localhost:{port}"):
            return True
        self._answer(HTTPStatus.FORBIDDEN, {"error": f"This page is at {self._page_of.url} only."})
        return False

    def _head(self, status: HTTPStatus, kind: str, length: int | None, **more: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: HTTPStatus, members: dict[str, Any]) -> None:
        body = json.dumps(members).encode()
        self._head(status, "application/json", len(body))
        self.wfile.write(body)

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        links = json.dumps(self._page_of.links).replace("<", "\\u003c")
        body = self._page_of.page.replace("{{nonce}}", nonce).replace("{{links}}", links).encode()
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self._head(HTTPStatus.OK, "text/html; charset=utf-8", len(body), Content_Security_Policy=policy)
        self.wfile.write(body)

    def _stream(self) -> None:
        page = self._page_of
        if not page.streams.acquire(blocking=False):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "Too many pages are open."})
            return
        try:
            self._head(HTTPStatus.OK, "text/event-stream", None)
            self.close_connection = True
            told: dict[str, Any] = {}
            said_s = time.monotonic()
            while not page.closing.wait(_FRAME_S):
                frames = dict(page.station.frames)
                changed = [frame for name, frame in frames.items() if told.get(name) != frame]
                if not changed and time.monotonic() - said_s < _IDLE_S:
                    continue
                told, said_s = frames, time.monotonic()
                lanes = json.dumps({"lanes": [asdict(frame) for frame in changed]}, separators=(",", ":"))
                self.wfile.write(f"data: {lanes}\n\n".encode())
        finally:
            page.streams.release()
