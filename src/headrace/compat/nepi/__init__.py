"""Stands for the package `nepi`: experiments written for NEPI, as ported to Python 3, run on Headrace.

Importing this module installs it: ``import nepi.execution.ec`` then gives Headrace's objects, here. It does something
when it is imported, as its sibling for Parsl does.

Both vintages are there: the one of 2013, where `start` is overridden and an application that ends is FINISHED, and
those from 3.2 on, where `do_start` is overridden and it is STOPPED. What has a counterpart in Headrace is that very
object, or a subclass with the older names; what is not here is refused by an import error that names what is.

Raises:
    AlreadyImportedError: the real NEPI has been imported.
"""

from __future__ import annotations

from headrace.compat.finder import install

__all__: list[str] = []

install("nepi")
