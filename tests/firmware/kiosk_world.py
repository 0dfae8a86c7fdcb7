"""A kiosk between a rider, an office and its metal, on a clock of numbers; power, network and storage can be taken away
at any point. Runs under CPython and MicroPython; no assertions here.
"""

from chumicro_timing import ticks_add, ticks_diff

from firmware.kiosk.engine import Kiosk
from firmware.kiosk.reporter import KioskReporter
from firmware.report.outbox import Outbox
from tests.firmware.fakes import MORNING_MS, Lcg, MemoryStorage, apply_change
from tests.firmware.kiosk_fakes import NOTICE, Keys, Metal, Office, kiosk_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DAY = MORNING_MS // 86400000
FINE = "fine"
DEAD = "dead"  # no question arrives
DEAF = "deaf"  # questions arrive, answers are lost


class PowerCut(Exception):
    """The power is gone."""


class Points:
    """Counts what happens, and cuts the power at one of the points."""

    def __init__(self, cut_at: int = -1) -> None:
        self.count = 0
        self.cut_at = cut_at

    def pass_by(self) -> None:
        at = self.count
        self.count = at + 1
        if at == self.cut_at:
            raise PowerCut()


class CutStorage(MemoryStorage):
    """Each change is three points: before it, torn in its midst (where a change can be), after it."""

    def __init__(self, files: "dict[str, bytes]", points: Points) -> None:
        MemoryStorage.__init__(self, files)
        self.points = points
        self.changes_made = 0
        self.full_from = -1  # from this change on there is no room (what needs none still works)
        self.broken_from = -1  # from this change on nothing works

    def _change(self, what: str, name: str, data: bytes) -> None:
        at = self.changes_made
        self.changes_made += 1
        if 0 <= self.broken_from <= at or (0 <= self.full_from <= at and what in ("write", "append")):
            raise OSError(28)
        self.points.pass_by()
        if what in ("append", "overwrite"):
            try:
                self.points.pass_by()
            except PowerCut:
                apply_change(self.files, what, name, data[: len(data) // 2])
                raise
        apply_change(self.files, what, name, data)
        self.points.pass_by()


class World:
    """One kiosk and all around it. ``keys`` may be shared by worlds, for making them takes time."""

    def __init__(self, keys: Keys, cut_at: int = -1, **kiosk: "Any") -> None:
        self.settings = kiosk_settings(**kiosk)
        self.keys = keys
        self.office = Office(keys)
        self.metal = Metal()
        self.points = Points(cut_at)
        self.storage = CutStorage({}, self.points)
        self.now = 0
        self.epoch_ms = MORNING_MS
        self.network = FINE
        self.printer = ""  # or "nothing", or "broken": fails and says not how much
        self.inserted = 0
        self.rows: "list[dict[str, Any]]" = []
        self.erased = 0
        self.boots = 0
        self.nonces: "list[bytes]" = []
        self.engine: "Kiosk" = self.boot()

    def boot(self) -> Kiosk:
        """Power is there (again): new objects over the old storage and metal."""
        self.boots += 1
        self.storage.points = self.points
        self.outbox = Outbox(self.storage, self.boots)
        self.reporter = KioskReporter(self.settings, self.storage, self.outbox)
        draw = Lcg(self.boots)

        def random_bytes(n: int) -> bytes:
            drawn = draw.random_bytes(n)
            if n == 32:
                self.nonces.append(drawn)
            return drawn

        self.engine = Kiosk(self.settings, self.storage, self.keys, random_bytes, self.reporter, NOTICE)
        return self.engine

    def after_cut(self) -> None:
        """The power has gone and come back; nobody cuts it again."""
        self.points = Points(-1)
        self.boot()

    # -- what happens

    def tell(self, *event: "Any") -> None:
        self.points.pass_by()
        self.engine.handle(self.now, self.epoch_ms, event)
        self.carry_out()

    def tick(self) -> None:
        self.points.pass_by()
        self.engine.tick(self.now, self.epoch_ms)
        self.carry_out()

    def carry_out(self) -> None:
        """Do what the engine wants, in order; answers come afterwards, as events."""
        answers: "list[tuple[Any, ...]]" = []
        for effect in self.engine.effects():
            self.points.pass_by()
            name = effect[0]
            if name == "escrow":
                self.metal.move(effect[1])
            elif name in ("sign", "exchange"):
                answers.append(self._asked(effect))
            elif name == "print":
                answers.append(self._print(effect[1]))
            elif name in ("rows", "erase"):
                answers.append(self._my_data(effect))
        for answer in answers:
            self.tell(*answer)

    def _asked(self, effect: "tuple[Any, ...]") -> "tuple[Any, ...]":
        if self.network == DEAD:
            return ("sign_refused", effect[1], "unreachable")
        answer = self.office.sign(effect)
        self.points.pass_by()
        return answer if self.network == FINE else ("sign_refused", effect[1], "unreachable")

    def _my_data(self, effect: "tuple[Any, ...]") -> "tuple[Any, ...]":
        if effect[0] == "rows":
            return ("rows", list(self.rows), effect[2]) if self.network == FINE else ("rows_failed", effect[2])
        self.erased += 1
        return ("erased", 3, effect[2]) if self.network == FINE else ("erase_failed", effect[2])

    def _print(self, document: "dict[str, Any]") -> "tuple[Any, ...]":
        if self.printer == "nothing":
            return ("print_failed", "nothing")
        if document["kind"] == "pass":
            self.metal.tray.append(document)
        return ("printed",) if not self.printer else ("print_failed",)

    def insert(self, cents: int) -> None:
        self.metal.escrow += cents
        self.inserted += cents
        self.tell("coin", cents)

    def wait(self, ms: int) -> None:
        """Let time pass, and everything that is due in it happen."""
        until = ticks_add(self.now, ms)
        while True:
            deadline = self.engine.next_deadline(self.now)
            if deadline is None or ticks_diff(deadline, until) > 0:
                break
            if ticks_diff(deadline, self.now) > 0:
                self.epoch_ms += ticks_diff(deadline, self.now)
                self.now = deadline
            self.tick()
        self.epoch_ms += ticks_diff(until, self.now)
        self.now = until

    # -- what came of it

    def passes(self) -> "list[str]":
        """The different passes that are on paper."""
        found: "list[str]" = []
        for document in self.metal.tray:
            if document["pass_text"] not in found:
                found.append(document["pass_text"])
        return found

    def journal(self) -> "dict[int, str]":
        """Sale number -> how it ended ("buy", "refund", "exchange"), as the kiosk will tell it."""
        found: "dict[int, str]" = {}
        for name in self.storage.names("s"):
            if name[1:].isdigit():
                for line in list(self.storage.lines(name))[1:]:
                    number, what = line.decode().split(" ")[:2]
                    if int(number) in found:
                        raise AssertionError("sale %s is told twice" % number)
                    found[int(number)] = what
        return found

    def traces(self) -> "list[str]":
        """Files in which a nonce still stands."""
        return [name for name, data in self.storage.files.items() if any(nonce in data for nonce in self.nonces)]


def buy(world: World, yes: bool = True) -> None:
    """A rider buys a single, as long as the kiosk plays along; then they go."""
    engine = world.engine
    world.tick()
    world.tell("choose", "single")
    for cents in (100, 200):
        if engine.state == "pay":
            world.insert(cents)
    if engine.state == "ask":
        world.tell("answer", yes)
    if engine.state == "hand_over":
        world.tell("taken")
