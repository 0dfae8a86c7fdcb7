"""The kiosk's HTTP client against a small gateway on the loopback address: seals, repetition, time-outs, nonsense."""

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.link.kiosk_http import KioskHttp
from firmware.report.seal import Seal
from tests.firmware.kiosk_fakes import NOTICE
from tests.support import wait_until

KEY = bytes(range(32))
SEAL = Seal(KEY)
BLINDED = bytes(range(256))
SIGNATURE = bytes(reversed(range(256)))
Answer = Callable[[str, bytes], tuple[int, bytes]]


class Gateway:
    """Answers by `answer(path, body)` and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.answer: Answer = lambda path, body: (404, b"")
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                gateway.asked.append((self.command, self.path, body))
                status, data = gateway.answer(self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[KioskHttp]:
    made = make(gateway.url)
    yield made
    made.close()


def make(url: str) -> KioskHttp:
    settings = SimpleNamespace(device="kiosk-1", gateway=url, answer_ms=600)
    return KioskHttp(settings, SEAL, lambda n: bytes([7]) * n, timeout_s=2, pause_s=0.05)


def answered(client: KioskHttp, effect: tuple[Any, ...]) -> tuple[Any, ...]:
    found: list[tuple[Any, ...]] = []

    def came() -> bool:
        found.extend(client.answers())
        return bool(found)

    client.ask(effect)
    wait_until(came, "an answer comes")
    (event,) = found
    return event


def sealed(path: str, body: bytes, **members: Any) -> tuple[int, bytes]:
    ask = json.loads(body)["ask"]
    return 200, SEAL.close(path, json.dumps({"v": 1, "ask": ask, **members}, separators=(",", ":")).encode())


SIGN = ("sign", 12, "00112233445566aa", BLINDED)


def test_a_question_is_sealed_in_canonical_form_and_its_answer_taken(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: sealed(path, body, signature=b64encode(SIGNATURE).decode())
    assert answered(client, SIGN) == ("signed", 12, SIGNATURE)
    ((_, path, body),) = gateway.asked
    assert path == "/v1/kiosk/sign" and SEAL.check(path, body)
    assert body.startswith(
        b'{"v":1,"device":"kiosk-1","ask":"07070707070707070707070707070707","sale":12,"key":"00112233445566aa","blinded":"'
    )
    assert b64decode(json.loads(body)["blinded"]) == BLINDED and len(json.loads(body)["blinded"]) == 344


def test_an_exchange_names_the_old_pass(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: sealed(path, body, signature=b64encode(SIGNATURE).decode())
    assert answered(client, ("exchange", 3, "00" * 8, BLINDED, "ab" * 16, 20429)) == ("signed", 3, SIGNATURE)
    ((_, path, body),) = gateway.asked
    assert path == "/v1/kiosk/exchange"
    assert b'","nullifier":"' + b"ab" * 16 + b'","to":20429,"mac":"' in body


def test_a_refusal_is_told_with_its_reason(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: sealed(path, body, refused="quota")
    assert answered(client, SIGN) == ("sign_refused", 12, "quota")


def test_the_same_bytes_are_sent_again_until_an_answer_comes(gateway: Gateway, client: KioskHttp) -> None:
    def third(path: str, body: bytes) -> tuple[int, bytes]:
        if len(gateway.asked) < 3:
            return 503, b"busy"
        return sealed(path, body, signature=b64encode(SIGNATURE).decode())

    gateway.answer = third
    assert answered(client, SIGN) == ("signed", 12, SIGNATURE)
    assert len(gateway.asked) == 3 and len({body for _, _, body in gateway.asked}) == 1


def test_an_exchange_is_sent_once_so_that_its_refusal_proves_something(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: (
        (503, b"busy") if len(gateway.asked) < 2 else sealed(path, body, refused="quota")
    )
    exchange = ("exchange", 3, "00" * 8, BLINDED, "ab" * 16, 20429)
    assert answered(client, exchange) == ("sign_refused", 3, "unreachable")
    assert len(gateway.asked) == 1
    assert answered(client, exchange) == ("sign_refused", 3, "quota")


def other_seal(path: str, body: bytes) -> tuple[int, bytes]:
    ask = json.loads(body)["ask"]
    return 200, Seal(bytes(32)).close(path, json.dumps({"v": 1, "ask": ask, "refused": "quota"}).encode())


NONSENSE: dict[str, Answer] = {
    "another key's seal": other_seal,
    "another path's seal": lambda path, body: sealed("/v1/kiosk/exchange", body, refused="quota"),
    "another question's answer": lambda path, body: sealed(path, b'{"ask":"00"}', refused="quota"),
    "no seal": lambda path, body: (200, b'{"v":1,"refused":"quota"}'),
    "both": lambda path, body: sealed(path, body, refused="quota", signature="AA=="),
    "neither": lambda path, body: sealed(path, body),
    "a signature that is no text": lambda path, body: sealed(path, body, signature=5),
    "no JSON": lambda path, body: (200, SEAL.close(path, b"{nonsense}")),
    "a list": lambda path, body: (200, b"[]"),
    "too long": lambda path, body: (200, b"x" * ((1 << 20) + 1)),
    "a server's error": lambda path, body: (500, b"{}"),
    "nobody knows us": lambda path, body: (401, b"{}"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_what_is_no_answer_is_unreachable(gateway: Gateway, client: KioskHttp, what: str) -> None:
    gateway.answer = NONSENSE[what]
    assert answered(client, SIGN) == ("sign_refused", 12, "unreachable")
    assert client.last_error


def test_nobody_listens() -> None:
    gateway = Gateway()
    url = gateway.url
    gateway.close()
    client = make(url)
    try:
        assert answered(client, SIGN) == ("sign_refused", 12, "unreachable")
        assert answered(client, ("rows", ["ab" * 32], 5)) == ("rows_failed", 5)
        assert answered(client, ("erase", ["ab" * 32], 6)) == ("erase_failed", 6)
    finally:
        client.close()


def test_my_data_shows_tokens_and_nothing_else(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: (200, b'{"rows":[{"way":"entry"}]}')
    assert answered(client, ("rows", ["ab" * 32, "cd" * 32], 1)) == ("rows", [{"way": "entry"}], 1)
    gateway.answer = lambda path, body: (200, b'{"erased":2,"covers_later":true,"remembered_until_day":3}')
    assert answered(client, ("erase", ["ab" * 32], 2)) == ("erased", 2, 2)
    assert [(path, json.loads(body)) for _, path, body in gateway.asked] == [
        ("/v1/my-data", {"tokens": ["ab" * 32, "cd" * 32]}),
        ("/v1/my-data/erase", {"tokens": ["ab" * 32]}),
    ]


def test_more_tokens_than_a_question_holds_are_erased_in_several(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: (200, b'{"erased":2}')
    tokens = [f"{number:064x}" for number in range(130)]
    assert answered(client, ("erase", tokens, 7)) == ("erased", 6, 7)
    asked = [json.loads(body)["tokens"] for _, _, body in gateway.asked]
    assert [len(one) for one in asked] == [62, 62, 6] and [token for one in asked for token in one] == tokens


def test_the_notice_is_fetched_by_its_version(gateway: Gateway, client: KioskHttp) -> None:
    gateway.answer = lambda path, body: (200, json.dumps(NOTICE).encode())
    assert answered(client, ("notice", "2026-1")) == ("notice", NOTICE)
    assert gateway.asked == [("GET", "/v1/notices/2026-1", b"")]
