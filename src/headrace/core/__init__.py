"""The core: lifecycles, gates and the scheduler, pure; and the shell that serialises them.

It imports nothing else of Headrace and does no I/O.
"""

from __future__ import annotations

from headrace.core.clock import Clock, SystemClock
from headrace.core.errors import DuplicateGate, DuplicateUnit, GateCycle, HeadraceError, InvalidTransition, UnitEnded
from headrace.core.events import (
    Add,
    Broken,
    Changed,
    Event,
    Guard,
    Instruction,
    Move,
    Perform,
    Tick,
    Unguard,
    WakeAt,
)
from headrace.core.gate import After, AllOf, AnyOf, AtLeast, Gate, GateStatus, Holds, Reached, Term, TermStatus
from headrace.core.keeper import Keeper
from headrace.core.lifecycle import Lifecycle, State
from headrace.core.mailbox import Mailbox, Step
from headrace.core.scheduler import Scheduler
from headrace.core.transition import Transition
from headrace.core.unit import Unit
from headrace.core.why import Wait, why

__all__ = [
    "Add",
    "After",
    "AllOf",
    "AnyOf",
    "AtLeast",
    "Broken",
    "Changed",
    "Clock",
    "DuplicateGate",
    "DuplicateUnit",
    "Event",
    "Gate",
    "GateCycle",
    "GateStatus",
    "Guard",
    "HeadraceError",
    "Holds",
    "Instruction",
    "InvalidTransition",
    "Keeper",
    "Lifecycle",
    "Mailbox",
    "Move",
    "Perform",
    "Reached",
    "Scheduler",
    "State",
    "Step",
    "SystemClock",
    "Term",
    "TermStatus",
    "Tick",
    "Transition",
    "Unguard",
    "Unit",
    "UnitEnded",
    "Wait",
    "WakeAt",
    "why",
]
