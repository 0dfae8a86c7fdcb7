"""The pytest plugin: fixtures that give a test an emulated lane, and take it away again.

Rules: pytest loads this file in every project of the environment, so it imports nothing but pytest and what pytest has
loaded already; the simulator comes with the first lane. Hooks do nothing for a test that has no lane.

Does not belong here: what a lane can do (simulator/testing), how one is described (lanes.py).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_gateline.lanes import LiveGateLane, MakeGateLane
    from simulator.testing.lane import Lane
    from simulator.testing.virtual import VirtualLane

_LANES = pytest.StashKey[list["Lane"]]()


@pytest.fixture
def gate_lane(make_gate_lane: MakeGateLane) -> VirtualLane:
    """A lane with four beams and a paddle on virtual time: send riders, break beams, cut the network, read records."""
    return make_gate_lane()


@pytest.fixture
def make_gate_lane(request: pytest.FixtureRequest) -> Generator[MakeGateLane, None, None]:
    """Makes lanes on virtual time: `make_gate_lane(arm="tripod", detector="single", seed=7)`."""
    from pytest_gateline.lanes import MakeGateLane

    lanes = _lanes_of(request.node)
    yield MakeGateLane(lanes)
    _close(lanes)


@pytest.fixture
def live_gate_lane(request: pytest.FixtureRequest) -> Generator[LiveGateLane, None, None]:
    """Makes lanes in real time before a broker of yours: `live_gate_lane("mqtt://user:password@127.0.0.1:1883")`."""
    from pytest_gateline.lanes import LiveGateLane

    lanes = _lanes_of(request.node)
    yield LiveGateLane(lanes)
    _close(lanes)


def _lanes_of(node: Any) -> list[Lane]:
    """The lanes that this test has been given."""
    lanes: list[Lane] = node.stash.setdefault(_LANES, [])
    return lanes


def _close(lanes: list[Lane]) -> None:
    errors = []
    for lane in reversed(lanes):
        try:
            lane.close()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails says what its lanes were like."""
    report = yield
    if report.failed:
        for lane in item.stash.get(_LANES, []):
            report.sections.append((f"gate lane {lane.name}", lane.describe()))
    return report
