"""Cables: bytes both ways, cut and mended, over real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from simulator.byhand.cables import BUFFER_MAX, Cables
from tests.support import free_port, wait_until


class Broker:
    """Takes connections, and keeps what they say."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self.listener.getsockname()[1]
        self.taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            self.taken.append(connection)

    def connection(self, n: int = 0) -> socket.socket:
        wait_until(lambda: len(self.taken) > n, "the broker has a connection")
        return self.taken[n]

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join()
        for connection in self.taken:
            connection.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.close()


@pytest.fixture
def cables(broker: Broker) -> Iterator[Cables]:
    made = Cables("127.0.0.1", broker.port)
    yield made
    made.close()


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=10)


def ended(end: socket.socket) -> bool:
    """Whether the other side is gone."""
    try:
        return end.recv(1) == b""
    except ConnectionResetError:
        return True


def test_what_one_side_says_the_other_hears(broker: Broker, cables: Cables) -> None:
    address = cables.lay("gate-1")
    cables.start()
    with connect(address) as device:
        device.sendall(b"hello")
        assert broker.connection().recv(100) == b"hello"
        broker.connection().sendall(b"good evening")
        assert device.recv(100) == b"good evening"
        # A goodbye arrives, although its sender has gone right after.
        device.sendall(b"goodbye")
    assert broker.connection().recv(100) == b"goodbye" and ended(broker.connection())


def test_much_is_passed_on_whole_and_what_nobody_takes_is_bounded(broker: Broker, cables: Cables) -> None:
    address = cables.lay("gate-1")
    cables.start()
    sent = bytes(range(256)) * 32_768  # 8 MiB
    with connect(address) as device:
        speaker = threading.Thread(target=device.sendall, args=(sent,))
        speaker.start()
        slow = broker.connection()
        wait_until(lambda: len(cables._cables["gate-1"].sides) == 2, "the cable has both its ends")
        end = cables._cables["gate-1"].sides[1]
        wait_until(lambda: len(end.waiting) >= BUFFER_MAX, "nobody takes it")
        heard = bytearray()
        most = 0
        while len(heard) < len(sent):
            most = max(most, len(end.waiting))
            heard += slow.recv(65_536)
        speaker.join()
    assert bytes(heard) == sent and most < 2 * BUFFER_MAX


def test_a_cut_ends_both_sides_and_lets_nobody_in_until_it_is_mended(broker: Broker, cables: Cables) -> None:
    first, second = cables.lay("gate-1"), cables.lay("gate-2")
    cables.start()
    with connect(first) as device, connect(second) as other:
        other.sendall(b"x")
        device.sendall(b"y")
        wait_until(lambda: len(broker.taken) == 2, "both are connected")
        cables.cut("gate-1")
        assert ended(device)
        with connect(first) as again:
            assert ended(again)
        ends = [one for one in broker.taken if one.recv(1) == b"y"]
        assert len(ends) == 1 and ended(ends[0]), "the broker sees it, too"
        other.sendall(b"z")
        (still,) = (one for one in broker.taken if one not in ends)
        assert still.recv(1) == b"z", "the other cable is whole"
        cables.mend("gate-1")

        def back() -> bool:
            with suppress(OSError), connect(first) as again:
                again.sendall(b"here")
            return len(broker.taken) == 3

        wait_until(back, "the cable is whole again")
        assert broker.connection(2).recv(4) == b"here"


def test_where_no_broker_is_the_device_is_told_at_once_and_finds_it_later() -> None:
    port = free_port()
    cables = Cables("127.0.0.1", port)
    address = cables.lay("gate-1")
    cables.start()
    try:
        with connect(address) as device:
            assert ended(device)
        broker = Broker(port)
        try:
            with connect(address) as device:
                device.sendall(b"hello")
                assert broker.connection().recv(100) == b"hello"
        finally:
            broker.close()
    finally:
        cables.close()


def test_closing_ends_everything(broker: Broker) -> None:
    cables = Cables("127.0.0.1", broker.port)
    address = cables.lay("gate-1")
    cables.start()
    with connect(address) as device:
        device.sendall(b"x")
        assert broker.connection().recv(1) == b"x"
        cables.close()
        assert ended(device) and ended(broker.connection())
    with pytest.raises(OSError):
        connect(address)
