"""Experiments: resources with lives, conditions between them, traces, repeated runs. The names are NEPI's."""

from __future__ import annotations

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.condition import Compare, Condition
from headrace.experiments.controller import ExperimentController
from headrace.experiments.errors import ExperimentError
from headrace.experiments.factory import ResourceFactory
from headrace.experiments.failure import FailureLevel, FailureManager
from headrace.experiments.resource import ResourceManager
from headrace.experiments.results import Results, Row
from headrace.experiments.runner import ExperimentRunner, Runs, RunsReason
from headrace.experiments.state import ECState, ResourceAction, ResourceState
from headrace.experiments.sweep import sweep
from headrace.experiments.tasks import Task, TaskStatus
from headrace.experiments.trace import Trace, TraceAttr
from headrace.experiments.waiting import WaitReason, WaitResult

__all__ = [
    "Attribute",
    "Compare",
    "Condition",
    "ECState",
    "ExperimentController",
    "ExperimentError",
    "ExperimentRunner",
    "FailureLevel",
    "FailureManager",
    "Flags",
    "ResourceAction",
    "ResourceFactory",
    "ResourceManager",
    "ResourceState",
    "Results",
    "Row",
    "Runs",
    "RunsReason",
    "Task",
    "TaskStatus",
    "Trace",
    "TraceAttr",
    "Types",
    "WaitReason",
    "WaitResult",
    "sweep",
]
