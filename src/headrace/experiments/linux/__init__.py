"""Hosts with Linux, and what runs on them."""

from __future__ import annotations

from headrace.experiments.linux.application import Application
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.node import Node

__all__ = ["Application", "Machine", "Node"]
