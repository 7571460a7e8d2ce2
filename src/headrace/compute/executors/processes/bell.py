"""What wakes the loop."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """A file descriptor that is readable once it was rung. It may be rung from anywhere, also from a signal handler.

    It is closed only when nobody holds it any more, so that no ring goes to a file that has got its number since.
    """

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        """Make it readable."""
        with suppress(BlockingIOError):  # Rung often enough.
            os.eventfd_write(self.fd, 1)

    def clear(self) -> None:
        """Make it unreadable."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)

    def __del__(self) -> None:
        os.close(self.fd)
