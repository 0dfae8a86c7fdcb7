"""Whatever is held to a reader gets a decision with a reason, in bounded time, and no exception (property tests).

The device's own runs of this, on both runtimes, are in tests/firmware/test_passes.py; here Hypothesis looks for worse.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import config
from firmware.fare.decision import REASONS
from firmware.fare.keylist import REFUSED
from firmware.fare.passes import Fare
from simulator.devices.in_process import MemoryStorage
from tests.passes import DAY, Issuer, day_pass, single, text_of
from tests.simulator.devices_support import settings as device_settings

LIMIT_S = 0.5  # some hundred times what a verification takes here


class Gate:
    """A gate's knowledge of keys, with one pass of each key."""

    def __init__(self, way: str) -> None:
        issuer = Issuer()
        keys = [single("research"), single("none"), day_pass("none")]
        values = device_settings() | {"lane": {"way": way}, "passes": {"list_key": issuer.list_key}}
        self.fare = Fare(config.Settings(values), MemoryStorage())
        self.listed = issuer.key_list(1, keys)
        self.page = issuer.page(4, [bytes([n]) * 8 for n in range(1, 100)])
        self.fare.keys.accept(self.listed)
        self.passes = [key.new_pass() for key in keys]


@pytest.fixture(scope="module", params=["entry", "exit"])
def gate(request: pytest.FixtureRequest) -> Gate:
    return Gate(request.param)


def judged(gate: Gate, medium: bytes, day: int = DAY) -> str | None:
    began = time.monotonic()
    decision = gate.fare.decide(medium, day, 0)
    assert time.monotonic() - began < LIMIT_S
    assert decision.accepted == (decision.reason is None)
    assert decision.accepted or decision.reason in REASONS
    reason: str | None = decision.reason
    return reason


@settings(max_examples=300, deadline=None)
@given(medium=st.one_of(st.binary(max_size=1100), st.text("ABCDEFabcdef234567 ", max_size=480).map(str.encode)))
def test_any_bytes_are_refused_with_a_reason(gate: Gate, medium: bytes) -> None:
    assert judged(gate, medium) in ("malformed", "oversized", "unknown_key")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_changed_pass_is_refused_with_a_reason(gate: Gate, data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(gate.passes))
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, 296))] ^= data.draw(st.integers(1, 255))
    if bytes(changed) == raw:
        return
    for medium in (bytes(changed), text_of(bytes(changed)).encode()):
        assert judged(gate, medium) in ("malformed", "unknown_key", "bad_signature")


@settings(max_examples=100, deadline=None)
@given(day=st.integers(0, 10**8))
def test_on_any_day(gate: Gate, day: int) -> None:
    assert judged(gate, gate.passes[1], day) in (None, "not_yet_valid", "expired")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_bytes_on_the_passes_topics_raise_or_are_taken(gate: Gate, data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([gate.listed, gate.page]))
    payload = bytearray(original)
    kind = data.draw(st.integers(0, 2))
    if kind == 0:
        payload = bytearray(data.draw(st.binary(max_size=600)))
    elif kind == 1:
        del payload[data.draw(st.integers(0, len(payload) - 1)) :]
    else:
        payload[data.draw(st.integers(0, len(payload) - 360))] ^= data.draw(st.integers(1, 255))
    assert gate.fare.keys.accept(bytes(payload)) == REFUSED
    assert gate.fare.spent is None or not gate.fare.spent.accept(bytes(payload))
