"""File descriptors 0, 1 and 2 are for the standard streams, also where a program was started without them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["standard_streams_reserved"]


@contextmanager
def standard_streams_reserved() -> Iterator[None]:
    """Let what is opened in the block not get the numbers of standard streams that are closed.

    Else what a library prints would go into a file or a socket of ours.

    Raises:
        OSError: there are too many open files.
    """
    taken = [os.open(os.devnull, os.O_RDWR)]
    try:
        while taken[-1] <= 2:  # noqa: PLR2004 - the number of stderr
            taken.append(os.open(os.devnull, os.O_RDWR))
        os.close(taken.pop())
        yield
    finally:
        for fd in taken:
            os.close(fd)
