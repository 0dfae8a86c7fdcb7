"""Emulated fare gates for your integration tests: the fixtures `gate_lane`, `make_gate_lane` and `live_gate_lane`.

This module has the types that the fixtures give, for annotations; plugin.py is what pytest loads. Nothing of the
simulator is imported before a test asks for a lane, or somebody for one of these names.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_gateline.lanes import LiveGateLane, MakeGateLane
    from simulator.testing.lane import Condition, Lane, NotInTime
    from simulator.testing.live import LiveLane
    from simulator.testing.message import Message
    from simulator.testing.sent import Sent
    from simulator.testing.virtual import VirtualLane

__all__ = [
    "Condition",
    "Lane",
    "LiveGateLane",
    "LiveLane",
    "MakeGateLane",
    "Message",
    "NotInTime",
    "Sent",
    "VirtualLane",
]

_HOMES = {
    "Condition": "simulator.testing.lane",
    "Lane": "simulator.testing.lane",
    "LiveGateLane": "pytest_gateline.lanes",
    "LiveLane": "simulator.testing.live",
    "MakeGateLane": "pytest_gateline.lanes",
    "Message": "simulator.testing.message",
    "NotInTime": "simulator.testing.lane",
    "Sent": "simulator.testing.sent",
    "VirtualLane": "simulator.testing.virtual",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
