"""A process of its own that forks: how workers and the supervisors of commands come to be."""

from __future__ import annotations

from headrace.compute.nursery.nursery import Born, Exited, NotBorn, Nursery, NurseryLost

__all__ = ["Born", "Exited", "NotBorn", "Nursery", "NurseryLost"]
