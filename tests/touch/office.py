"""A stand-in for the gateway's part in a sale: keys, their signed list, blind signatures; notices and rows as the
gateway answers them. For tests of the page with the real kiosk behind it, where no database is the subject.

Blind signatures are the bare RSA operation on keys made for the test: nothing here is fit for anything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from firmware.report.seal import SEAL_BYTES, Seal
from gateway.consent import receipt
from gateway.consent.notices import shipped

KEY = bytes(range(32))
"""The kiosk's own key."""


def _modulus(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(256, "big")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Office:
    """Serves on the loopback address from `start` to `stop`; while `away`, it does not answer."""

    def __init__(self, today: int) -> None:
        """`today`: the service day from which the keys are sold."""
        self.away = False
        self.rows: list[dict[str, Any]] = []
        """What is recorded under whatever pass is shown."""
        self.asked_tokens: list[str] = []
        self.exchanged: list[str] = []
        """Nullifiers of passes that were exchanged."""
        self._today = today
        self._list_key = rsa.generate_private_key(65537, 2048)
        self._keys: dict[tuple[str, str], rsa.RSAPrivateKey] = {
            (product, choice): rsa.generate_private_key(65537, 2048)
            for product in ("single", "day")
            for choice in ("research", "none")
        }
        self._seal = Seal(KEY)
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def start(self) -> str:
        """Serve, on the same port as before; the address."""
        office = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(office._notice())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(office._asked(self.path, body))

            def _answer(self, body: bytes) -> None:
                self.send_response(503 if office.away else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """Serve no longer."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def list_key(self) -> str:
        """As the settings have it."""
        return _b64(_modulus(self._list_key))

    def key_list(self) -> bytes:
        """The signed list (docs/passes.md)."""
        entries = []
        for (product, choice), key in self._keys.items():
            n = _modulus(key)
            last, to = (self._today, self._today) if product == "day" else (self._today + 14, self._today + 29)
            entries.append(
                f'{{"id":"{hashlib.sha256(n).digest()[:8].hex()}","product":"{product}","choice":"{choice}",'
                f'"notice":"{shipped()[-1].version}","from":{self._today},"sold_to":{last},"to":{to},"n":"{_b64(n)}"}}'
            )
        body = f'{{"v":1,"serial":1,"keys":[{",".join(entries)}]'
        signed = b"gateline/1/passes/keys\0" + body.encode()
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
        return f'{body},"sig":"{_b64(self._list_key.sign(signed, pss, hashes.SHA384()))}"}}'.encode()

    def choice_of(self, pass_text: str) -> str:
        """Which choice this pass was issued under, by its key."""
        raw = base64.b32decode(pass_text + "=" * (-len(pass_text) % 8))
        return next(
            choice for (_, choice), key in self._keys.items() if hashlib.sha256(_modulus(key)).digest()[:8] == raw[1:9]
        )

    def _notice(self) -> bytes:
        notice = shipped()[-1]
        who = ("Linnhafen Transit", "at the station’s desk")
        return json.dumps(
            {
                "version": notice.version,
                "sha256": notice.sha256,
                "texts": notice.filled(*who),
                "receipt": {language: receipt.template(notice, language, *who) for language in notice.texts},
            },
            default=str,
        ).encode()

    def _asked(self, path: str, body: bytes) -> bytes:
        asked = json.loads(body)
        if path == "/v1/my-data":
            self.asked_tokens += asked["tokens"]
            return json.dumps({"rows": self.rows}).encode()
        if path == "/v1/my-data/erase":
            count, self.rows = len(self.rows), []
            return json.dumps({"erased": count}).encode()
        assert len(body) > SEAL_BYTES and self._seal.check(path, body)
        if path == "/v1/kiosk/exchange":
            self.exchanged.append(asked["nullifier"])
        key = next(
            key for key in self._keys.values() if hashlib.sha256(_modulus(key)).digest()[:8].hex() == asked["key"]
        )
        numbers = key.private_numbers()
        blinded = int.from_bytes(base64.b64decode(asked["blinded"]), "big")
        signature = pow(blinded, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")
        answer = f'{{"v":1,"ask":"{asked["ask"]}","signature":"{_b64(signature)}"}}'.encode()
        sealed: bytes = self._seal.close(path, answer)
        return sealed
