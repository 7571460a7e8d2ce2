"""Commands as processes of this machine."""

from __future__ import annotations

from headrace.compute.engines.process.engine import ProcessEngine

__all__ = ["ProcessEngine"]
