"""A kiosk in this process: the real firmware over emulated hardware, on a virtual clock.

Rules: the firmware's code is used, never copied; it wakes itself by the scheduler, and its board wakes it. `kill` is a
power cut: nothing but the board and its storage is kept. Who has a clock of their own (a touch page) runs the scheduler
up to their time before they look.

Does not belong here: hardware (board.py), the gateway (the client asks it as anyone would).
"""

from collections.abc import Callable
from typing import Any, Protocol

from chumicro_timing.ticks import TICKS_MAX, ticks_diff

from firmware.kiosk.app import KioskApp
from firmware.kiosk.config import KioskSettings
from firmware.kiosk.front import Front
from simulator.clock import Alarm, Scheduler
from simulator.kiosk.board import EmulatedKioskBoard

_TICKS_MAX = int(TICKS_MAX)


class Client(Protocol):
    """Who asks the gateway: firmware/link/kiosk_http.py, or a stand-in on the virtual clock."""

    def ask(self, effect: Any) -> None: ...
    def answers(self) -> list[Any]: ...


class KioskDevice:
    """`client_of(board)` makes the client at each start; `buttons` puts the small display's front before the engine."""

    def __init__(
        self,
        scheduler: Scheduler,
        settings: dict[str, Any],
        board: EmulatedKioskBoard,
        client_of: Callable[[EmulatedKioskBoard], Client],
        link_factory: Any = None,
        *,
        buttons: bool = False,
    ) -> None:
        self.settings = settings
        self.board = board
        self._scheduler = scheduler
        self._client_of = client_of
        self._link_factory = link_factory
        self._buttons = buttons
        self._alarm = Alarm(scheduler, self.wake)
        self.app: KioskApp | None = None
        board.happened = self.wake

    def start(self) -> None:
        """Power on: boot the firmware over what the storage holds."""
        self.board.restore_power()
        settings = KioskSettings(self.settings)
        self.app = KioskApp(
            self.board,
            settings,
            self._client_of(self.board),
            self._link_factory if settings.networked else None,
            Front() if self._buttons else None,
        )
        self.wake()

    def kill(self) -> None:
        """Power off: what is not in storage, or in metal, is gone."""
        self._alarm.cancel()
        self.board.cut_power()
        if self.app is not None and self.app.link is not None:
            self.app.link.close()
        self.app = None

    def wake(self) -> None:
        """Let the firmware do what is due."""
        app = self.app
        if app is None:
            return
        now_ms = self._scheduler.now_ms
        now = now_ms & _TICKS_MAX
        app.handle(now, self.board.wait(now))
        self._alarm.set(now_ms + max(1, ticks_diff(app.next_deadline(now), now)))

    def rider(self, event: tuple[Any, ...]) -> None:
        """What the rider does at a touch page, as the engine takes it."""
        if self.app is not None:
            self.app.rider(event)
            self.wake()

    def screen(self) -> dict[str, Any] | None:
        """What the rider sees, or None: the screen is dark."""
        return None if self.app is None else self.app.screen()

    def poll(self) -> Any:
        """(socket, 1 read | 2 write) that the link waits for."""
        return None if self.app is None else self.app.poll(self._scheduler.now_ms & _TICKS_MAX)
