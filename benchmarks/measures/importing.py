"""What an import costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.measures.common import Figures

__all__ = ["import_time"]

_IMPORTS_A_SAMPLE = 4


def import_time(statement: str) -> Figures:
    """Wall time of a fresh interpreter that imports something, minus that of one started just before that does not.

    Byte code is cached, as it is for whoever imports a second time: a first import, not counted, sees to that.
    """
    _interpreter(statement)
    return {"ms": [-_interpreter("pass") + _interpreter(statement) for _ in range(_IMPORTS_A_SAMPLE)]}


def _interpreter(statement: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, timeout=60, env=environment)
    return (time.perf_counter() - start) * 1e3
