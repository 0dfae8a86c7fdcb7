"""The demo: a station of emulated gates, a broker and a gateway, for as long as somebody watches; then the reckoning.

The reckoning compares the world's own truth with the gateway's database, rider by rider where a handle says who, by
counts elsewhere. It assumes nothing: a row that is missing is `lost`, a row that nobody walked for is `invented`. Then
an attack (simulator/linkage) gets the database and everything that the broker passed on, and tries to place those who
said no.

A gate tells its tally once it holds ten passages, as a real one does. What it still holds when the demo ends stays
there: closing it then would tell where the last few were. It is read from the devices' own storage and counted `held`.

The gateway is reached through `Backend`, which gateline.py supplies: the simulator never imports it.
Does not belong here: drawing (simulator/demo_view.py), the command line (simulator/cli.py).
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from simulator.broker_log import BrokerLog
from simulator.demo_lanes import crowd, lane_specs
from simulator.errors import UserError
from simulator.gateline_page import GatelinePage
from simulator.held import held, held_nullifiers
from simulator.kiosk.beside import OwnKiosk
from simulator.linkage.located import declined_located
from simulator.live import LiveStation, distant_day_start_ms
from simulator.locked import locked_folder
from simulator.published import Published
from simulator.reckoning import Reckoning, reckon
from simulator.ticket_hall import TicketHall
from simulator.truth import INTRUSIONS, PASSED_DECLINED, UNOBSERVED
from simulator.world.demand import evening_peak, lane_ways

SITE = "demo"
INTERVAL_MS = 10_000
TALLY_MIN = 10  # what a physical site may not go below
LANES = 8
OWN_KIOSK = "kiosk-1"  # where a person may buy, at its page
KIOSKS = 6
# Passes that the gateway signs for a kiosk in a day. Six sell what fifty would in a station, and in a demo that runs
# all day the evening peak lasts as long.
PASS_QUOTA = 50_000
RUNS_KEPT = 5

PRICES_CENTS = {"single": 200, "day": 600}
# Pulses and cents: the coin that is used most has the shortest train, so that a sale takes about a second.
COINS = [[1, 200], [2, 100], [3, 50], [4, 20], [5, 10]]

# How long nothing may change between truth and table before the demo stops waiting for it. Longer than a device's
# interval plus its first resend.
_PATIENCE_S = 25.0
_POLL_S = 0.25


class Backend(Protocol):
    """A broker and a gateway over one data folder."""

    gateway_pid: int | None
    broker_pid: int | None

    def provision(
        self, site: str, devices: list[str], day_start_ms: int = 0, kiosks: Sequence[str] = ()
    ) -> dict[str, dict[str, Any]]:
        """Settings per device and kiosk, and those of the site's simulator under "simulator"."""

    def start_broker(self) -> tuple[str, int]: ...

    def start_gateway(self) -> str:
        """Start it in a process of its own; returns its address."""

    def check(self) -> None:
        """Raise, with a sentence, when broker or gateway has ended by itself."""

    def stop(self) -> None: ...

    def facts(self) -> dict[str, Any]:
        """What the database file itself holds."""

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table of it."""


@dataclass(frozen=True)
class Summary:
    """What the demo prints; docs/demo.md explains each member."""

    riders: int
    stranded: int
    unserved: int
    declined: int
    declined_located: int
    sold: int
    refunded: int
    cash_off_cents: int
    truth: dict[str, int]
    recorded: int
    erased: int
    tallied: int
    held: int
    spent: int
    stored: int
    duplicates_refused: int
    duplicates_stored: int
    gaps: int
    lost: int
    invented: int
    misjudged: int
    meddled: int
    irregular: int
    orders: int
    orders_refused: int
    quarantined: int
    micropython_processes: int
    heap_limit_bytes: int | None
    reboots: int
    late_ms: int
    seed: int
    wall_s: float

    def json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def clean(self) -> bool:
        """Everybody was served and came through or went away; nothing is lost, doubled, invented or missing in between,
        not a cent; and nobody who said no can be placed."""
        return self.riders > 0 and not (
            self.stranded
            or self.unserved
            or self.cash_off_cents
            or self.declined_located
            or self.truth.get(UNOBSERVED)
            or self.lost
            or self.invented
            or self.duplicates_stored
            or self.gaps
        )

    def verdict(self) -> str:
        """In a sentence."""
        if self.clean:
            return "Nothing was lost, and nobody who said no can be placed."
        if self.declined_located:
            return (
                f"{self.declined_located} of {self.declined} riders who said no can be placed at one gate and time, by "
                "whoever has the database and the broker's log."
            )
        if self.unserved:
            return f"{self.unserved} riders got no pass."
        if unobserved := self.truth.get(UNOBSERVED):
            return f"{unobserved} riders can't be accounted for: a device died as they passed ({self.reboots} reboots)."
        return "Truth and table do not agree."


@contextmanager
def run_folder(data: Path) -> Iterator[Path]:
    """A fresh folder for one run below `data`, which one demo at a time may use; old runs beyond RUNS_KEPT go."""
    with locked_folder(data, "demo"):
        # Only what looks like a run of ours, for the folder may be anybody's.
        runs = sorted(folder for folder in data.glob("run-*") if (folder / "truth.jsonl").is_file())
        for old in runs[: max(0, len(runs) - RUNS_KEPT + 1)]:
            shutil.rmtree(old)
        folder = data / f"run-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise UserError(
                f"Can't make {folder} ({error.strerror}). Choose another data folder with --data."
            ) from error
        yield folder


class Demo:
    """One run. `start`, then `progress` as often as wanted, then `finish`; `close` in any case."""

    def __init__(
        self,
        backend: Backend,
        folder: Path,
        *,
        seed: int,
        micropython: bool | None = None,
        lanes: int = LANES,
        kiosks: int = KIOSKS,
        quiet: bool = False,
    ) -> None:
        """`kiosks` serve the riders who come by themselves; `quiet`: nobody does, only riders sent by hand."""
        self.backend = backend
        self._lanes = lanes
        self._kiosks = kiosks
        self._quiet = quiet
        self.seed = seed
        self.folder = folder
        self._micropython = micropython
        self._started_s = time.monotonic()
        self.url = ""
        self.station: LiveStation | None = None
        self.log: BrokerLog | None = None
        self.page: GatelinePage | None = None
        self.hall: TicketHall | None = None
        self.own_kiosk: OwnKiosk | None = None
        self.kiosk_url = ""
        self._processes = 0
        self._reckoned_at = 0.0
        self._most_held = 0
        self._reckoned: tuple[Reckoning, dict[str, Any]] | None = None

    def start(self) -> None:
        """Provision, then broker, gateway, devices, riders."""
        demand = evening_peak()
        ways = {f"gate-{n + 1}": way for n, way in enumerate(lane_ways(self._lanes, demand))}
        specs = lane_specs(ways)
        kiosks = [f"kiosk-{n + 2}" for n in range(self._kiosks)]
        day_start_ms = distant_day_start_ms(int(time.time() * 1000))
        settings = self.backend.provision(SITE, list(ways), day_start_ms, [OWN_KIOSK, *kiosks])
        host, port = self.backend.start_broker()
        for name, values in settings.items():
            values["broker"].update(host=host, port=port)
            if name in ways:
                values["lane"] = specs[name].settings({})["lane"]
            if name != "simulator":
                values["report"] |= {"interval_ms": INTERVAL_MS, "tally_min": TALLY_MIN}
        self.log = BrokerLog(settings["simulator"], self.folder)
        self.log.start()
        self.url = self.backend.start_gateway().rstrip("/") + "/"
        for name in (OWN_KIOSK, *kiosks):
            settings[name]["kiosk"] |= {"gateway": self.url.rstrip("/"), "prices": PRICES_CENTS, "coins": COINS}
        self.hall = TicketHall([settings[name] for name in kiosks], self.folder / "kiosks", self._to_the_lanes)
        self.station = LiveStation(
            settings,
            ways,
            None if self._quiet else demand,
            self.folder,
            seed=self.seed,
            micropython=self._micropython,
            shop=self.hall.shop,
            specs=specs,
            population=crowd(),
        )
        published = Published(settings["gate-1"], self.log)
        self.page = GatelinePage(self.station, published.read, {"the gateway": self.url})
        self.own_kiosk = OwnKiosk(settings[OWN_KIOSK], self.folder / "kiosks" / OWN_KIOSK, self.page.url)
        self.hall.open()
        self.station.start()
        self.page.start()
        self.kiosk_url = self.own_kiosk.url()
        self.page.links["kiosk"] = self.kiosk_url
        self._processes = self.station.micropython_processes()

    def _to_the_lanes(self, go: Callable[[], None]) -> None:
        assert self.station is not None
        self.station.loop.post(go)

    @property
    def gateline_url(self) -> str:
        """Where passes can be held to the gates."""
        return "" if self.page is None else self.page.url

    def reckoned(self, fresh: bool = False) -> tuple[Reckoning, dict[str, Any]]:
        """Truth against table as of now (at most half a second old unless `fresh`)."""
        assert self.station is not None
        if fresh or self._reckoned is None or time.monotonic() - self._reckoned_at > 0.5:
            # The table first: what devices hold moves there, and truth is written before any device sees it. So what
            # is read here may be missing for a moment, and can't be there twice or lack its truth.
            facts = self.backend.facts()
            devices = self.folder / "devices"
            open_counts = {name: held(devices / name) for name in self.station.lanes}
            used = {nullifier for name in self.station.lanes for nullifier in held_nullifiers(devices / name)}
            expected = self.station.loop.call(self.station.truth.expected)
            self._most_held = max(
                (one.get("entries", 0) + one.get("exits", 0) for one in open_counts.values()), default=0
            )
            # Decisions last: a gate tells them before it notes anything.
            decided = self.station.decided()
            self._reckoned = reckon(expected, facts, open_counts, used, decided), facts
            self._reckoned_at = time.monotonic()
        return self._reckoned

    def check(self) -> None:
        """Raise when a part of the demo has died of itself."""
        assert self.station is not None
        self.station.loop.check()
        self.backend.check()
        assert self.log is not None and self.hall is not None and self.own_kiosk is not None
        self.log.check()
        self.hall.check()
        self.own_kiosk.check()
        self._processes = max(self._processes, self.station.micropython_processes())

    def finish(self, tell: Callable[[str], None] = lambda text: None) -> Summary:
        """No more riders, and no more hands; those on their way go home, the last interval closes, everything is
        stored. Then the summary."""
        station = self.station
        assert station is not None
        station.end_hands()
        station.stop_arrivals()
        tell("no more riders; those in the lanes go through")
        self._wait(station.idle, station.outcomes)
        tell("the last records are stored")
        self._wait(self._told, lambda: self.reckoned()[0])
        self.check()
        return self._summary()

    def _told(self) -> bool:
        """Everything is in the table that is not held, and no gate holds enough for a tally."""
        return self.reckoned(fresh=True)[0].lost == 0 and self._most_held < TALLY_MIN

    def _wait(self, done: Callable[[], bool], watched: Callable[[], object] = lambda: None) -> None:
        """Until `done`, or until what is `watched` has not changed for _PATIENCE_S."""
        last = watched()
        changed_s = time.monotonic()
        while not done():
            self.check()
            time.sleep(_POLL_S)
            now = watched()
            if now != last:
                last, changed_s = now, time.monotonic()
            if time.monotonic() - changed_s > _PATIENCE_S:
                return

    def _summary(self) -> Summary:
        station, log, hall = self.station, self.log, self.hall
        assert station is not None and log is not None and hall is not None
        till = hall.till()
        reckoning, facts = self.reckoned(fresh=True)
        riders, outcomes = station.riders_sent(), station.outcomes()
        # Ways past a closed arm are named where somebody took them.
        truth = {kind: count for kind, count in outcomes.items() if count or kind not in INTRUSIONS}
        return Summary(
            riders=riders,
            stranded=riders - sum(truth.values()),
            unserved=station.shopping(),
            sold=till.sold,
            refunded=till.refunded,
            cash_off_cents=till.box_cents - till.price_cents,
            declined=truth[PASSED_DECLINED],
            declined_located=declined_located(
                log.messages(), self.backend.rows(), station.loop.call(station.truth.outcomes)
            ),
            truth=truth,
            recorded=reckoning.recorded,
            erased=reckoning.erased,
            tallied=reckoning.tallied,
            held=reckoning.held,
            spent=reckoning.spent,
            stored=facts["stored"],
            duplicates_refused=facts["duplicates_refused"],
            duplicates_stored=facts["duplicates_stored"] - reckoning.repeated,
            gaps=facts["gaps"],
            lost=reckoning.lost,
            invented=reckoning.invented,
            misjudged=reckoning.misjudged,
            meddled=reckoning.meddled,
            irregular=reckoning.irregular,
            orders=station.hands.done,
            orders_refused=station.hands.refused + station.orders.dropped.total() + station.orders_unheard,
            quarantined=sum(facts["quarantine"].values()),
            micropython_processes=self._processes,
            heap_limit_bytes=station.heap_limit_bytes,
            reboots=sum(max(0, lane.boots - 1) for lane in station.views()),
            late_ms=station.loop.late_ms,
            seed=self.seed,
            wall_s=round(time.monotonic() - self._started_s, 1),
        )

    def close(self) -> None:
        """End every process, whatever happened."""
        with ExitStack() as closing:
            closing.callback(self.backend.stop)
            if self.log is not None:
                closing.callback(self.log.close)
            if self.station is not None:
                closing.callback(self.station.close)
            if self.hall is not None:
                closing.callback(self.hall.close)
            if self.own_kiosk is not None:
                closing.callback(self.own_kiosk.close)
            if self.page is not None:
                closing.callback(self.page.close)
