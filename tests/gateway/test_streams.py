"""Streams: encoded once for all who watch, whole for whoever begins or lags, over when the gateway ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request

from gateway.api import streams
from gateway.api.streams import (
    BEHIND_MAX,
    MANY,
    MAX_OF_ONE,
    MAX_STREAMS,
    NO_READS_MAX,
    Broadcast,
    CountedStream,
    Places,
    whose,
)
from tests.support import run_async


class Told:
    """Something to tell, changed by the test."""

    def __init__(self) -> None:
        self.members: dict[str, Any] | None = {"lanes": [1], "totals": 0, "now": 0}
        self.version = 0
        self.ended = False

    def change(self, **members: Any) -> None:
        assert self.members is not None
        self.members = self.members | members
        self.version += 1

    def broadcast(self, *, changes_only: bool = False) -> Broadcast:
        return Broadcast(
            lambda: self.members,
            lambda: self.version,
            lambda: self.ended,
            changes_only=changes_only,
            always=("now",) if changes_only else (),
        )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FRAME_S", 0.001)


def data(frame: bytes) -> dict[str, Any]:
    line = next(line for line in frame.decode().split("\n") if line.startswith("data: "))
    found: dict[str, Any] = json.loads(line[6:])
    return found


async def take(stream: AsyncIterator[bytes]) -> dict[str, Any]:
    while True:
        frame = await asyncio.wait_for(anext(stream), 5)
        if b"data: " in frame:
            return data(frame)


def test_what_fifty_watch_is_encoded_once() -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast()
        listening = [broadcast.listen() for _ in range(50)]
        for one in listening:
            assert (await take(one))["totals"] == 0
        assert broadcast.encoded == 1
        told.change(totals=1)
        for one in listening:
            assert (await take(one)) == {"lanes": [1], "totals": 1, "now": 0}
        assert broadcast.encoded == 2
        for one in listening:
            await one.aclose()
        assert broadcast.listeners == 0

    run_async(run())


def test_only_changes_are_told_and_the_time_makes_none() -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast(changes_only=True)
        stream = broadcast.listen()
        assert await take(stream) == {"lanes": [1], "totals": 0, "now": 0}
        told.change(now=5)  # not worth a frame
        told.change(totals=2, now=6)
        assert await take(stream) == {"totals": 2, "now": 6}
        late = broadcast.listen()
        assert await take(late) == {"lanes": [1], "totals": 2, "now": 6}
        await stream.aclose()
        await late.aclose()

    run_async(run())


def test_whoever_begins_takes_nothing_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast(changes_only=True)
        first = broadcast.listen()
        await take(first)
        # From here on nothing is looked at by itself: what the second one finds new, the first one gets too.
        monkeypatch.setattr(streams, "FRAME_S", 3_600)
        told.change(totals=7)
        assert await take(first) == {"totals": 7, "now": 0}
        told.change(totals=8)
        second = broadcast.listen()
        assert (await take(second))["totals"] == 8
        assert await take(first) == {"totals": 8, "now": 0}
        await first.aclose()
        await second.aclose()

    run_async(run())


def test_who_listens_to_what_broke_is_sent_away(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast()
        listening = [broadcast.listen() for _ in range(2)]
        for one in listening:
            await take(one)
        told.change(totals=object())
        for one in listening:
            with pytest.raises(StopAsyncIteration):
                await take(one)
        assert "broke" in caplog.text
        told.change(totals=3)
        anew = broadcast.listen()
        assert (await take(anew))["totals"] == 3
        await anew.aclose()

    run_async(run())


def test_who_lags_gets_the_whole_and_no_growing_queue() -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast(changes_only=True)
        slow, quick = broadcast.listen(), broadcast.listen()
        await take(slow)
        await take(quick)
        for n in range(1, 3 * BEHIND_MAX):
            told.change(totals=n)
            assert (await take(quick))["totals"] == n
        frames = [await take(slow) for _ in range(1)]
        while frames[-1]["totals"] != 3 * BEHIND_MAX - 1:
            frames.append(await take(slow))
        assert len(frames) <= BEHIND_MAX
        assert "lanes" in frames[0], "after what was left out comes the whole"
        await slow.aclose()
        await quick.aclose()

    run_async(run())


def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_FRAMES", 3)

    async def run() -> None:
        stream = Told().broadcast().listen()
        await take(stream)
        assert (await asyncio.wait_for(anext(stream), 5)).startswith(b":")
        await stream.aclose()

    run_async(run())


@pytest.mark.parametrize("why", ["the gateway ends", "the device is gone"])
def test_streams_end(why: str) -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast()
        listening = [broadcast.listen() for _ in range(3)]
        for one in listening:
            await take(one)
        if why == "the gateway ends":
            told.ended = True
        else:
            told.members, told.version = None, 1
        for one in listening:
            with pytest.raises(StopAsyncIteration):
                await take(one)
        assert broadcast.listeners == 0

    run_async(run())


def test_when_many_watch_it_tells_half_as_often() -> None:
    async def run() -> None:
        broadcast = Told().broadcast()
        watching = []
        for _ in range(MANY):
            watching.append(broadcast.listen())
            await anext(watching[-1])
        assert broadcast.frame_s == streams.FRAME_S
        watching.append(broadcast.listen())
        await anext(watching[-1])
        assert broadcast.frame_s == 2 * streams.FRAME_S
        await watching.pop().aclose()
        assert broadcast.frame_s == streams.FRAME_S
        for stream in watching:
            await stream.aclose()


def test_who_reads_nothing_is_sent_away() -> None:
    async def run() -> None:
        told = Told()
        broadcast = told.broadcast()
        silent, slow = broadcast.listen(), broadcast.listen()
        await take(silent)
        await take(slow)
        # Frames are given by hand: no time passes for what tells by itself.
        frames = 0
        while broadcast.listeners == 2 and frames < 2 * BEHIND_MAX * NO_READS_MAX:
            told.change(totals=frames)
            broadcast._give_all(broadcast._look() or b"")
            frames += 1
            if frames % (BEHIND_MAX * (NO_READS_MAX - 1)) == 0:
                await take(slow)
        assert broadcast.listeners == 1
        assert BEHIND_MAX * NO_READS_MAX < frames < BEHIND_MAX * (NO_READS_MAX + 2)
        # Who reads now and then stays, because it counts anew from each read.
        for n in range(BEHIND_MAX * (NO_READS_MAX - 5)):
            told.change(totals=-n)
            broadcast._give_all(broadcast._look() or b"")
        assert broadcast.listeners == 1
        with pytest.raises(StopAsyncIteration):
            for _ in range(BEHIND_MAX + 1):
                await take(silent)
        assert (await take(slow))["lanes"] == [1]
        await slow.aclose()

    run_async(run())


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
def test_a_connection_that_takes_nothing_gives_its_place_back(monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    monkeypatch.setattr(streams, "STALLED_S", 0.01)

    async def run() -> None:
        app = FastAPI()
        app.state.streams = Places()
        scope = {"type": "http", "app": app, "headers": [], "asgi": {"spec_version": spec}}
        stream = CountedStream(Told().broadcast().listen(), Request(scope))
        assert app.state.streams.taken == 1

        async def never(*_: object) -> Any:
            await asyncio.Event().wait()

        await asyncio.wait_for(stream(scope, never, never), 5)
        assert app.state.streams.taken == 0

    run_async(run())


def taken_by(places: Places, address: str) -> int:
    """How many more places ``address`` gets until it is refused, and with which status."""
    for got in range(MAX_STREAMS + 1):
        try:
            places.take(address)
        except HTTPException as refused:
            assert refused.status_code == (503 if places.taken == MAX_STREAMS else 429)
            return got
    raise AssertionError("there is no bound")


def test_one_address_alone_gets_half_of_all_places_and_no_more() -> None:
    places = Places()
    assert taken_by(places, "here") == MAX_STREAMS // 2
    places.give_back("here")
    assert taken_by(places, "here") == 1


def test_when_one_holds_half_others_still_find_room_each_their_own() -> None:
    places = Places()
    taken_by(places, "greedy")
    assert taken_by(places, "a") == MAX_OF_ONE
    assert taken_by(places, "b") == MAX_OF_ONE, "the last places too"
    assert (places.taken, taken_by(places, "c")) == (MAX_STREAMS, 0)
    for _ in range(MAX_OF_ONE):
        places.give_back("a")
    assert taken_by(places, "greedy") == 0
    assert taken_by(places, "c") == MAX_OF_ONE


def test_who_has_gone_is_forgotten() -> None:
    places = Places()
    for n in range(1_000):
        places.take(str(n))
        places.give_back(str(n))
    assert places.taken == 0 and not places._held


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("127.0.0.1", "here"),
        ("127.9.9.9", "here"),
        ("::1", "here"),
        ("::ffff:127.0.0.1", "here"),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", ""),
        (None, ""),
    ],
)
def test_whose_a_stream_is(host: str | None, who: str) -> None:
    assert whose(host) == who
