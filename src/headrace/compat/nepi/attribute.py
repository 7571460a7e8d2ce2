"""Stands for `nepi.execution.attribute`."""

from __future__ import annotations

from headrace.experiments import Attribute, Flags, Types

__all__ = ["Attribute", "Flags", "Types"]
