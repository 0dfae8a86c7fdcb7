"""The kiosk's questions to the gateway, over HTTP (docs/passes.md, "Buying"). CPython only: one thread waits.

Rules: a question is sealed with the kiosk's key, its path in the topic's place, and is sent again with the *same bytes*
until its time is up; the answer counts only with the gateway's seal and the same ``ask``. An exchange is sent once: the
engine must know whether a refusal answers the only question that was ever sent, and asks again itself. Whatever else
comes back, or nothing, is "unreachable": this file decides nothing about money. Tokens are in no log and no address.

``ask(effect)`` takes the engine's "sign", "exchange", "rows" and "erase" effects and ("notice", version), and returns
at once; ``answers()`` gives what has come since, as the engine's events. ``wake`` is called, from the thread, when
there is one.
"""

import http.client
import json
import queue
import ssl
import threading
import time
from binascii import a2b_base64, b2a_base64, hexlify
from urllib.parse import urlsplit

from firmware.report.seal import SEAL_BYTES

SIGN = "/v1/kiosk/sign"
EXCHANGE = "/v1/kiosk/exchange"
ROWS = "/v1/my-data"
ERASE = "/v1/my-data/erase"
NOTICE = "/v1/notices/"
ANSWER_MAX_BYTES = 1 << 20
TOKENS_MAX = 62  # of one question (docs/passes.md)
_UNREACHABLE = "unreachable"


class NoAnswer(Exception):
    """The gateway could not be asked, or what came back is no answer of its."""


def _no_wake():
    """Nobody waits."""


class KioskHttp:
    """``settings``: KioskSettings; ``random_bytes``: the system's; times in seconds. Close it when done."""

    def __init__(self, settings, seal, random_bytes, wake=_no_wake, timeout_s=5.0, pause_s=0.5):
        self._device = settings.device
        self._seal = seal
        self._random_bytes = random_bytes
        self._wake = wake
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._budget_s = settings.answer_ms / 1000
        self._address = urlsplit(settings.gateway)
        self._questions = queue.Queue()
        self._answers = queue.Queue()
        self._closed = threading.Event()
        self.last_error = None
        """Why the last question failed, in words, without anything that was in it."""
        self._thread = threading.Thread(target=self._work, name="kiosk-http", daemon=True)
        self._thread.start()

    # -- the loop's side

    def ask(self, effect):
        """Put a question; its answer comes by ``answers``."""
        self._questions.put(effect)

    def answers(self):
        """Events that have come since the last call."""
        found = []
        while True:
            try:
                found.append(self._answers.get_nowait())
            except queue.Empty:
                return found

    def close(self):
        """End the thread; a question that is on its way is given up."""
        self._closed.set()
        self._questions.put(None)
        self._thread.join(self._timeout_s + 1)

    # -- the thread's side

    def _work(self):
        while True:
            effect = self._questions.get()
            if effect is None or self._closed.is_set():
                return
            event = self._answered(effect)
            del effect  # the tokens of the last rider
            if event is not None:
                self._answers.put(event)
                self._wake()

    def _answered(self, effect):
        name = effect[0]
        try:
            if name == "sign":
                return self._signature(SIGN, effect, "")
            if name == "exchange":
                return self._signature(EXCHANGE, effect, ',"nullifier":"%s","to":%d' % (effect[4], effect[5]))
            if name == "rows":
                return ("rows", self._my_data(ROWS, effect[1])["rows"], effect[2])
            if name == "erase":
                return ("erased", self._erased(effect[1]), effect[2])
            return ("notice", self._json(self._until("GET", NOTICE + effect[1], None)))
        except (NoAnswer, KeyError, TypeError) as error:
            self.last_error = str(error) or "the answer has not its form"
            if name in ("rows", "erase"):
                return (name + "_failed", effect[2])
            return None if name == "notice" else ("sign_refused", effect[1], _UNREACHABLE)

    def _signature(self, path, effect, more):
        _, sale, key_id, blinded = effect[:4]
        ask = hexlify(self._random_bytes(16)).decode()
        blinded = b2a_base64(blinded).strip().decode()
        body = '{"v":1,"device":"%s","ask":"%s","sale":%d,"key":"%s","blinded":"%s"%s}'
        question = self._seal.close(path, (body % (self._device, ask, sale, key_id, blinded, more)).encode())
        again = path != EXCHANGE
        answer = self._until("POST", path, question, lambda answer: self._opened(path, answer, ask), again)
        if "refused" in answer:
            return ("sign_refused", sale, str(answer["refused"])[:32])
        try:
            signature = a2b_base64(answer["signature"])
        except ValueError as error:
            raise NoAnswer("the signature is not base64") from error
        return ("signed", sale, signature)

    def _opened(self, path, answer, ask):
        """A sealed answer to this very question, as a dictionary. NoAnswer."""
        if len(answer) <= SEAL_BYTES or not self._seal.check(path, answer):
            raise NoAnswer("the answer has not the gateway's seal")
        found = self._json(answer)
        if found.get("v") != 1 or found.get("ask") != ask or ("signature" in found) == ("refused" in found):
            raise NoAnswer("the answer is to another question")
        return found

    def _my_data(self, path, tokens):
        body = ('{"tokens":[%s]}' % ",".join('"%s"' % token for token in tokens)).encode()
        return self._until("POST", path, body, self._json)

    def _erased(self, tokens):
        """How many rows are gone. Erasing twice is erasing, so a failure on the way is asked again as a whole."""
        count = 0
        for at in range(0, len(tokens), TOKENS_MAX):
            count += self._my_data(ERASE, tokens[at : at + TOKENS_MAX])["erased"]
        return count

    @staticmethod
    def _json(answer):
        try:
            found = json.loads(answer)
        except ValueError as error:
            raise NoAnswer("the answer is not JSON") from error
        if not isinstance(found, dict):
            raise NoAnswer("the answer is no object")
        return found

    def _until(self, method, path, body, read=None, again=True):
        """The answer, read; the same bytes are sent again until the time is up, unless ``again`` is False."""
        until = time.monotonic() + self._budget_s
        while True:
            try:
                answer = self._once(method, path, body)
                return answer if read is None else read(answer)
            except NoAnswer as error:
                late = not again or time.monotonic() + self._pause_s >= until
                if late or self._closed.wait(self._pause_s):
                    raise error

    def _once(self, method, path, body):
        address = self._address
        if address.scheme == "https":
            connection = http.client.HTTPSConnection(
                address.hostname, address.port, timeout=self._timeout_s, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=self._timeout_s)
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read(ANSWER_MAX_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer("the gateway does not answer (%s)" % type(error).__name__) from error
        finally:
            connection.close()
        if len(data) > ANSWER_MAX_BYTES:
            raise NoAnswer("the answer is too long")
        if answer.status != 200:
            raise NoAnswer("the gateway answers with status %d" % answer.status)
        return data
