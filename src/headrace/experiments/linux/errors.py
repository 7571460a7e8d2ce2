"""What can go wrong with applications on hosts.

::

    ExperimentError
     ├── ApplicationFailed     its command ended otherwise than well
     └── ProvisionFailed       what it needs could not be put on the host, installed or built
"""

from __future__ import annotations

from headrace.experiments.errors import ExperimentError

__all__ = ["ApplicationFailed", "ProvisionFailed"]


class ApplicationFailed(ExperimentError):
    """An application's command ended by itself, and not well. The message has the end of its error output."""


class ProvisionFailed(ExperimentError):
    """What an application needs could not be put on its host, installed or built."""
