"""The broker's log: every message that the broker passes on, with the epoch ms at which it came, in a file.

For attacks (simulator/linkage), which need what somebody has who reads along at the broker from first to last. It
subscribes to `#` with the credential of the site's simulator, as any client of that broker could.

Rules: of `scene` messages only the number is kept: they are the simulator's own picture of an emulated lane, ten a
second and lane, and no attack reads them. The file is bounded: when it is full it becomes the older half and a new one
begins, so that the newest messages are always there. A log that has a hole says so (`check`): an attack that finds
nothing in it would prove nothing.

Does not belong here: what messages mean.
"""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulator.errors import UserError
from simulator.linkage.evidence import SCENE, Message

HALF_BYTES = 32 * 1024 * 1024  # some hours of eight lanes at their evening peak
_CONNECT_S = 10.0


class BrokerLog:
    """Writes `folder`/broker.jsonl (and broker-older.jsonl): one `[at_ms, topic, payload]` a line, the payload's bytes
    as the characters of the same numbers."""

    def __init__(self, settings: dict[str, Any], folder: Path, half_bytes: int = HALF_BYTES) -> None:
        """`settings` as provisioned for the site's simulator."""
        self.scenes = 0
        self.keys: bytes | None = None
        """The last key list that was published."""
        self._newer = folder / "broker.jsonl"
        self._older = folder / "broker-older.jsonl"
        self._half_bytes = half_bytes
        self._written = 0
        self._file: TextIO = self._newer.open("x", encoding="utf-8")
        self._lock = threading.Lock()
        self._listening = threading.Event()
        self._closing = False
        self._problem = ""
        broker = settings["broker"]
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{settings['site']}-broker-log")
        self._client.username_pw_set(broker["user"], broker["password"])
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._heard
        self._where = (str(broker["host"]), int(broker["port"]))

    def start(self) -> None:
        """Returns when it listens; UserError when the broker does not let it."""
        try:
            self._client.connect(*self._where, keepalive=30)
        except OSError as error:
            raise UserError(f"Nobody can listen at the broker {self._where}: {error.strerror or error}.") from error
        self._client.loop_start()
        if not self._listening.wait(_CONNECT_S):
            raise UserError(f"The broker {self._where} did not let the log listen within {_CONNECT_S:g} s.")

    def check(self) -> None:
        """UserError when the log has a hole."""
        if self._problem:
            raise UserError(self._problem)

    def messages(self) -> Iterator[Message]:
        """All that is kept, in order of arrival."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()
        for path in (self._older, self._newer):
            if path.is_file():
                with path.open(encoding="utf-8") as lines:
                    for line in lines:
                        at_ms, topic, payload = json.loads(line)
                        yield Message(at_ms, topic, payload.encode("latin-1"))

    def close(self) -> None:
        """Listen no more; what is kept stays readable."""
        self._closing = True
        self._client.disconnect()
        self._client.loop_stop()
        self._file.close()

    def _connected(self, *_: object) -> None:
        self._client.subscribe("#", qos=1)

    def _subscribed(self, *_: object) -> None:
        self._listening.set()

    def _disconnected(self, *_: object) -> None:
        if not self._closing:
            self._problem = "The log of the broker's messages lost its connection, so it has a hole."

    def _heard(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/" + SCENE):
            self.scenes += 1
            return
        if message.topic.endswith("/passes/keys"):
            self.keys = bytes(message.payload)
        line = json.dumps([int(time.time() * 1000), message.topic, message.payload.decode("latin-1")]) + "\n"
        try:
            with self._lock:
                if self._written + len(line) > self._half_bytes:
                    self._file.close()
                    self._newer.replace(self._older)
                    self._file = self._newer.open("x", encoding="utf-8")
                    self._written = 0
                self._written += len(line)
                self._file.write(line)
        except OSError as error:
            self._problem = f"The log of the broker's messages can't be written ({error.strerror}), so it has a hole."
