"""Each device's cable to the broker, which can be pulled: a port of its own on this machine, forwarded byte by byte.

A device finds the broker at its cable's port and nowhere else. While the cable is cut, what was connected is closed on
both sides without a goodbye, so that the broker gives out the will, and whoever connects is closed at once; the
firmware runs on and keeps its records. What was on its way is gone, as on a wire.

One thread for all cables. What waits for a side that does not take it is bounded: beyond, the other side is not read.
Does not belong here: MQTT, when to cut.
"""

import errno
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

BUFFER_MAX = 65_536
_CHUNK = 16_384
_IDLE_S = 1.0


class _Side:
    """One end of a connection, and what waits to be sent to it."""

    def __init__(self, cable: "_Cable", sock: socket.socket, ready: bool) -> None:
        self.cable = cable
        self.sock = sock
        self.ready = ready  # connected
        self.waiting = bytearray()
        self.other: _Side = self
        self.ended = False  # it has said all it will ever say
        self.interest = 0

    def wanted(self) -> int:
        read = self.ready and not self.ended and len(self.other.waiting) < BUFFER_MAX
        return selectors.EVENT_READ * read | selectors.EVENT_WRITE * (bool(self.waiting) or not self.ready)


class _Cable:
    """One device's port and what is connected through it."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.up = True
        self.sides: list[_Side] = []


class Cables:
    """`lay` all cables, then `start`; `cut` and `mend` from any thread; `close` in any case."""

    def __init__(self, host: str, port: int) -> None:
        """Where the broker is."""
        self._broker = (host, port)
        self._cables: dict[str, _Cable] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._calls: deque[Callable[[], None]] = deque()
        self._running = False
        self._thread = threading.Thread(target=self._serve, name="cables", daemon=True)

    def lay(self, device: str) -> tuple[str, int]:
        """A cable for that device; the host and port at which it finds the broker."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self._cables[device] = cable = _Cable(listener)
        self._selector.register(listener, selectors.EVENT_READ, cable)
        host, port = listener.getsockname()
        return host, port

    def start(self) -> None:
        self._running = True
        self._thread.start()

    def close(self) -> None:
        """Whatever is connected ends."""
        self._running = False
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        for cable in self._cables.values():
            self._drop(cable)
            cable.listener.close()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def cut(self, device: str) -> None:
        """Pull the cable."""
        self._do(lambda cable: self._set(cable, False), device)

    def mend(self, device: str) -> None:
        """Put it back in."""
        self._do(lambda cable: self._set(cable, True), device)

    def _do(self, act: Callable[[_Cable], None], device: str) -> None:
        cable = self._cables[device]
        self._calls.append(lambda: act(cable))
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # it is awake already, or gone
            self._wake_in.send(b"x")

    # -- the thread

    def _serve(self) -> None:
        while self._running:
            for key, ready in self._selector.select(_IDLE_S):
                if key.data is None:
                    self._wake_out.recv(4096)
                elif isinstance(key.data, _Cable):
                    self._accept(key.data)
                elif key.data.sock.fileno() >= 0:  # not closed with its other side, just now
                    self._move(key.data, ready)
            while self._calls:
                self._calls.popleft()()

    def _set(self, cable: _Cable, up: bool) -> None:
        cable.up = up
        if not up:
            self._drop(cable)

    def _drop(self, cable: _Cable) -> None:
        for side in list(cable.sides):
            self._end(side)

    def _accept(self, cable: _Cable) -> None:
        try:
            sock, _ = cable.listener.accept()
        except OSError:  # whoever came has gone again
            return
        if not cable.up:
            sock.close()
            return
        family, _, _, _, address = socket.getaddrinfo(*self._broker, type=socket.SOCK_STREAM)[0]
        broker = socket.socket(family, socket.SOCK_STREAM)
        for one in (sock, broker):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if broker.connect_ex(address) not in (0, errno.EINPROGRESS):
            broker.close()
            sock.close()
            return
        device_side, broker_side = _Side(cable, sock, True), _Side(cable, broker, False)
        device_side.other, broker_side.other = broker_side, device_side
        for side in (device_side, broker_side):
            cable.sides.append(side)
            self._watch(side)

    def _move(self, side: _Side, ready: int) -> None:
        try:
            if not side.ready and ready & selectors.EVENT_WRITE:
                if side.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise ConnectionError
                side.ready = True
            if side.waiting and ready & selectors.EVENT_WRITE:
                del side.waiting[: side.sock.send(side.waiting)]
            if side.ready and ready & selectors.EVENT_READ:
                data = side.sock.recv(_CHUNK)
                side.ended = not data
                side.other.waiting += data
        except BlockingIOError:
            pass
        except OSError:
            self._end(side)
            return
        # Who has ended has still said something: it is passed on first, for it may be a goodbye.
        if (side.ended and not side.other.waiting) or (side.other.ended and not side.waiting):
            self._end(side)
            return
        self._watch(side)
        self._watch(side.other)

    def _watch(self, side: _Side) -> None:
        wanted = side.wanted()
        if wanted == side.interest:
            return
        if not side.interest:
            self._selector.register(side.sock, wanted, side)
        elif not wanted:
            self._selector.unregister(side.sock)
        else:
            self._selector.modify(side.sock, wanted, side)
        side.interest = wanted

    def _end(self, side: _Side) -> None:
        """Close both sides."""
        for one in (side, side.other):
            if one.interest:
                self._selector.unregister(one.sock)
                one.interest = 0
            one.sock.close()
            if one in one.cable.sides:
                one.cable.sides.remove(one)
