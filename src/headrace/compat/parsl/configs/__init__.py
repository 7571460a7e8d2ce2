"""Stands for `parsl.configs`: its configurations for one machine. Those for named clusters are not here."""

from __future__ import annotations

__all__: list[str] = []
