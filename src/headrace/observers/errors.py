"""The errors of the observers.

::

    HeadraceError
     └── ObserverRefused        what is no observer, observes this run already, or comes after the run's end
"""

from __future__ import annotations

from headrace.core import HeadraceError

__all__ = ["ObserverRefused"]


class ObserverRefused(HeadraceError):
    """Something cannot observe this run: it is no observer, observes it already, or the run has ended."""
