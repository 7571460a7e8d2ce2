"""Observers: whoever wants to know what happens in a run, in its own process, whatever face runs it.

An `Observer` is called on a thread of its own, and can neither slow a run down nor harm it. What a face needs for that
is an `Audience`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headrace.observers.audience import Audience
from headrace.observers.callback import CallbackObserver
from headrace.observers.errors import ObserverRefused
from headrace.observers.json_log import JsonLog
from headrace.observers.observation import Observation
from headrace.observers.observer import Observer
from headrace.observers.run_info import RunInfo

if TYPE_CHECKING:
    from headrace.observers.opentelemetry import OpenTelemetryObserver
    from headrace.observers.prometheus import PrometheusObserver

__all__ = [
    "Audience",
    "CallbackObserver",
    "JsonLog",
    "Observation",
    "Observer",
    "ObserverRefused",
    "OpenTelemetryObserver",
    "PrometheusObserver",
    "RunInfo",
]

# These need packages of their own, and are imported when they are asked for.
_EXTRAS = {
    "OpenTelemetryObserver": "headrace.observers.opentelemetry",
    "PrometheusObserver": "headrace.observers.prometheus",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one type for each name; type checkers see the imports above
    if name in _EXTRAS:
        return getattr(import_module(_EXTRAS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
