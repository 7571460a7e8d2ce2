"""What the tests of several folders share: waiting for what nothing announces, and a look at a process.

It imports nothing but Python's own, so that workers may import it too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long to wait, in seconds, for what should come soon. No good test waits so long.
WAIT = 30.0


def soon(holds: Callable[[], object], seconds: float = WAIT) -> bool:
    """Tell whether it comes to hold within a time in which it should."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def until(holds: Callable[[], object], what: str, seconds: float = WAIT) -> None:
    """Wait for what should come to hold; fail, naming it, if it does not."""
    assert soon(holds, seconds), f"waited in vain for {what}"


def alive(pid: int) -> bool:
    """Tell whether there is such a process, and it has not ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}
