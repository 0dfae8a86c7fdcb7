"""Server-sent events: what one page watches is taken and encoded once for all who watch it.

Rules: whoever begins to watch gets the whole first; later only what has changed, where the stream says so. Who doesn't
read as fast as things change gets the whole anew instead of a growing queue, and who reads nothing at all for long is
sent away. Nobody watching costs nothing. All streams end when the gateway does; how many there are is bounded,
and how many of them one address may hold.
What a stream tells doesn't belong here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final

import msgspec
from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

log = logging.getLogger("gateline.api")

FRAME_S: Final = 0.1
MANY: Final = 12
"""When more than so many watch one stream, it tells half as often: pages walk on between two frames by themselves."""
HEARTBEAT_FRAMES: Final = 100
MAX_STREAMS: Final = 256
MAX_OF_ONE: Final = 64
"""So many streams anybody's address may hold; more only while half of all places are free."""
BEHIND_MAX: Final = 8
"""Frames that may wait for one listener before it gets the whole instead."""
NO_READS_MAX: Final = 30
"""How often in a row that may happen, with nothing read in between, before the listener is sent away."""
STALLED_S: Final = 30.0
"""How long a frame may wait for a connection that takes nothing more."""

Members = dict[str, Any]
_encode: Final = msgspec.json.Encoder().encode
_STILL_HERE: Final = b": still here\n\n"


class _Listener:
    """Who listens: what waits for them, and how often that was too much since they last read."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND_MAX)
        self.no_reads = 0


class Broadcast:
    """One stream for any number of listeners.

    ``members`` gives what is told now, None when there is nothing to tell any more. ``version`` changes whenever that
    may have. With ``changes_only`` a frame leaves out members that are as they were. ``ending`` is true at the end.
    """

    def __init__(
        self,
        members: Callable[[], Members | None],
        version: Callable[[], object],
        ending: Callable[[], bool],
        *,
        changes_only: bool = False,
        always: tuple[str, ...] = (),
    ) -> None:
        """``always``: members that stand in every frame, and don't make one (the time)."""
        self._members = members
        self._version = version
        self._ending = ending
        self._changes_only = changes_only
        self._always = always
        self._listeners: set[_Listener] = set()
        self._told: dict[str, bytes] = {}
        self._seen: object = None
        self._whole = b""
        self._task: asyncio.Task[None] | None = None
        self.encoded = 0
        """Frames that were encoded, whoever got them."""

    @property
    def listeners(self) -> int:
        """Who listens now."""
        return len(self._listeners)

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next."""
        return FRAME_S if len(self._listeners) <= MANY else 2 * FRAME_S

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """The events for one listener, until the gateway ends or the listener goes."""
        listener = _Listener()
        # Before anything is awaited: what changes from here on comes through the queue. What is new goes to the others
        # too, for whom it would else be no change any more.
        frame = self._look()
        if frame:
            self._give_all(frame)
        first = self._whole
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield b"retry: 1000\n\n" + first
            while (frame := await listener.queue.get()) is not None:
                listener.no_reads = 0
                yield frame
        finally:
            self._listeners.discard(listener)

    async def _run(self) -> None:
        try:
            await self._tell()
        except Exception:
            # Pages connect anew by themselves; a stream that hangs would look like a lane where nothing happens.
            log.exception("A live stream broke by an unexpected error; its listeners are sent away.")
        finally:
            for listener in self._listeners:
                self._end(listener)

    async def _tell(self) -> None:
        """Frames for all, until nobody listens, the gateway ends or there is nothing to tell any more."""
        quiet = 0
        while self._listeners:
            await asyncio.sleep(self.frame_s)
            frame = None if self._ending() else self._look()
            if frame is None:
                return
            if not frame:
                quiet += 1
                if quiet % HEARTBEAT_FRAMES:
                    continue
                frame = _STILL_HERE
            else:
                quiet = 0
            self._give_all(frame)

    def _look(self) -> bytes | None:
        """What is new since the last look, empty for nothing; None when there is nothing to tell any more."""
        version = self._version()
        if version == self._seen and self._whole:
            return b""
        members = self._members()
        if members is None:
            return None
        self._seen = version
        told = {name: _encode(value) for name, value in members.items()}
        changed = {
            name: value for name, value in told.items() if name not in self._always and self._told.get(name) != value
        }
        if not changed and self._whole:
            return b""
        self.encoded += 1
        self._told = told
        self._whole = _event(told)
        if not self._changes_only:
            return self._whole
        return _event(changed | {name: told[name] for name in self._always})

    def _give_all(self, frame: bytes) -> None:
        for listener in tuple(self._listeners):
            self._give(listener, frame)

    def _give(self, listener: _Listener, frame: bytes) -> None:
        queue = listener.queue
        if queue.full():
            while not queue.empty():
                queue.get_nowait()
            frame = self._whole
            listener.no_reads += 1
            if listener.no_reads > NO_READS_MAX:
                self._listeners.discard(listener)
                self._end(listener)
                return
        queue.put_nowait(frame)

    @staticmethod
    def _end(listener: _Listener) -> None:
        if listener.queue.full():
            listener.queue.get_nowait()
        listener.queue.put_nowait(None)


def _event(members: dict[str, bytes]) -> bytes:
    inside = b",".join(b'"%s":%s' % (name.encode("ascii"), value) for name, value in members.items())
    return b"data: {" + inside + b"}\n\n"


def whose(host: str | None) -> str:
    """Who counts as one: an address; of IPv6 a network of 64 bits, all of which one machine may have; this machine."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return "here" if address.is_loopback else str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return "here" if address.is_loopback else str(address)


class Places:
    """Who holds how many of the MAX_STREAMS places. One address can never take them all: above MAX_OF_ONE it gets more
    only while half of all are free, so that a machine with many pages (or a proxy, which looks like one) is served,
    and others find room all the same."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """Places that are held now."""
        return self._held.total()

    def take(self, address: str) -> None:
        """Give one to ``address``; HTTPException 503 when all are taken, 429 when it holds enough itself."""
        taken, own = self.taken, self._held[address]
        if taken >= MAX_STREAMS:
            raise HTTPException(503, f"{MAX_STREAMS} pages watch already; close one.", {"Retry-After": "5"})
        if own >= MAX_OF_ONE and 2 * taken >= MAX_STREAMS:
            detail = f"{own} pages watch from your address already, and others want to watch too; close one."
            raise HTTPException(429, detail, {"Retry-After": "5"})
        self._held[address] += 1

    def give_back(self, address: str) -> None:
        """It holds one less."""
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]


class CountedStream(StreamingResponse):
    """A stream that holds one of the :class:`Places`, and gives it back however it ends, also when the client left
    before the first frame or takes nothing more. HTTPException where there is none."""

    def __init__(self, frames: AsyncIterator[bytes], request: Request) -> None:
        self._places: Places = request.app.state.streams
        self._address = whose(None if request.client is None else request.client.host)
        self._places.take(self._address)
        super().__init__(frames, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_in_time(message: Any) -> None:
            async with asyncio.timeout(STALLED_S):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except* (TimeoutError, ClientDisconnect):
            # Nobody reads there. Without an end of the answer the server closes the connection.
            log.info("A live stream was ended: nothing of it was taken for %g s.", STALLED_S)
        finally:
            self._places.give_back(self._address)
