"""Programs written for other systems run unmodified.

After ``install("parsl")``, ``import parsl`` and its submodules give Headrace's own objects, in this process and in the
worker processes that it starts. ``import headrace.compat.parsl`` does the same, and so does ``headrace run --parsl``.
"""

from __future__ import annotations

from headrace.compat.errors import AlreadyImportedError, CompatWarning, RefusedError, UnknownFaceError
from headrace.compat.finder import install, installed, uninstall

__all__ = [
    "AlreadyImportedError",
    "CompatWarning",
    "RefusedError",
    "UnknownFaceError",
    "install",
    "installed",
    "uninstall",
]
