"""`subprocess.run` on the standard library's pool of four threads: what any engine pays at least for a command."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.backends import command_lines
from benchmarks.backends.base import WORKERS, Commands

__all__ = ["open_backend"]


def open_backend(scratch: Path, *, shell: bool = True) -> Commands:
    """Start the pool; nothing is written to `scratch`."""
    del scratch
    pool = ThreadPoolExecutor(WORKERS)
    bare = command_lines.bare(shell=shell)

    def output(size: int, path: str) -> int:
        with Path(path).open("wb") as file:
            return subprocess.run(command_lines.output_bare(size, shell=shell), stdout=file, check=True).returncode

    return Commands(
        true=lambda: pool.submit(lambda: subprocess.run(bare, check=True).returncode),
        output=lambda size, path: pool.submit(output, size, path),
        bare=bare,
        close=pool.shutdown,
    )
