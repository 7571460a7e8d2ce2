"""What Headrace's own tests stand on, shipped for the authors of faces and plugins: time under the test's control."""

from __future__ import annotations

from headrace.testing.clock import VirtualClock
from headrace.testing.driver import Driver
from headrace.testing.engine_contract import Commands, EngineContract
from headrace.testing.fake_engine import FakeEngine, FakeSite, Play
from headrace.testing.invariants import broken_invariants

__all__ = [
    "Commands",
    "Driver",
    "EngineContract",
    "FakeEngine",
    "FakeSite",
    "Play",
    "VirtualClock",
    "broken_invariants",
]
