"""Serves kiosks' pages in this process, on a thread: NiceGUI is one per process, so all tests share one server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import partial

from firmware.kiosk.touch import server
from firmware.kiosk.touch.page import Machine
from firmware.kiosk.touch.views import make_view


class Pages:
    """Kiosks' pages: add a machine, get its address."""

    def __init__(self) -> None:
        self._kiosks: dict[str, server.Kiosk] = {}
        self._app = server.create_app(self._kiosks)
        self.origin = ""

    @contextmanager
    def serving(self) -> Iterator["Pages"]:
        """Serve until the block ends."""
        listener = server.listen(0)
        self.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serves = threading.Event()
        running = server.Server(self._app, serves.set)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, name="kiosk pages")
        thread.start()
        try:
            assert serves.wait(20), "the pages are not served"
            yield self
        finally:
            running.should_exit = True
            thread.join(20)
            listener.close()
        assert not thread.is_alive()

    def add(self, machine: Machine) -> str:
        """The address of this machine's page from now on."""
        name = f"kiosk-{len(self._kiosks) + 1}"
        self._kiosks[name] = (machine, partial(make_view, zone=UTC))
        return f"{self.origin}/kiosk/{name}"
