"""One device's way to the broker: makes the connections of its MQTT client, and can be cut.

A wire gives the client what a connector of chumicro-sockets gives, with two differences: it waits with poll, so that it
works beyond 1,024 descriptors, where select ends; and the broker's name has been looked up before, once for all
devices, so that no device makes the loop wait for a name server.

A cut is what a board sees whose radio has lost its network: the connection is gone without a goodbye, so that the
broker gives out the will, and no other comes about until the network is back.

Does not belong here: when to connect (firmware/link), when to cut (simulator/plant/faults.py).
"""

import errno
import os
import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from simulator.errors import UserError

_READY, _FAILED, _CONNECTING = "ready", "failed", "awaiting_tcp"
_WRITE = 2


@dataclass(frozen=True)
class Endpoint:
    """A broker's address as the system takes it."""

    family: int
    address: Any


def look_up(host: str, port: int) -> Endpoint:
    """Ask for the name, once; UserError when nobody knows it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"The broker's host {host} can't be found ({error}). Name another with --broker.") from None
    return Endpoint(family, address)


class Connector:
    """One attempt to connect; the client calls `tick` until `state` is "ready" or "failed"."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.state = _CONNECTING
        self.last_error: OSError | None = None
        self.socket: socket.socket | None = socket.socket(endpoint.family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        # What a gate sends is small and waits for its answer.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        result = self.socket.connect_ex(endpoint.address)
        if result not in (0, errno.EINPROGRESS):
            self._fail(OSError(result, _said(result)))

    @property
    def io_socket(self) -> socket.socket | None:
        return self.socket

    def io_interest(self, now_ms: int) -> int:
        return _WRITE if self.state == _CONNECTING else 0

    def next_deadline(self, now_ms: int) -> None:
        """It has none of its own: the client gives up when it has waited long enough."""

    def tick(self, now_ms: int) -> None:
        if self.state != _CONNECTING or self.socket is None:
            return
        poll = select.poll()
        poll.register(self.socket, select.POLLOUT)
        if not poll.poll(0):
            return
        result = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            self._fail(OSError(result, _said(result)))
        else:
            self.state = _READY

    def cancel(self) -> None:
        if self.state == _CONNECTING:
            self._fail(OSError(errno.ECANCELED, _said(errno.ECANCELED)))

    def _fail(self, error: OSError) -> None:
        self.last_error = error
        self.state = _FAILED
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Wire:
    """Call `connect` for a connector; `cut` ends what it made, and makes none until `mend`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._last: Connector | None = None
        self.up = True

    def connect(self) -> Connector:
        """Raises OSError while the network is cut."""
        if not self.up:
            raise OSError(errno.ENETUNREACH, _said(errno.ENETUNREACH))
        self._last = Connector(self._endpoint)
        return self._last

    def cut(self) -> None:
        self.up = False
        self.drop()

    def mend(self) -> None:
        self.up = True

    def drop(self) -> None:
        """End the connection without a goodbye. Its descriptor stays the client's, which closes it when it sees."""
        connector = self._last
        if connector is None or connector.socket is None or connector.socket.fileno() < 0:
            return
        connector.cancel()
        if connector.socket is not None:
            with suppress(OSError):  # the broker may have ended it already
                connector.socket.shutdown(socket.SHUT_RDWR)


def _said(number: int) -> str:
    return os.strerror(number)
