"""What can go wrong where programs written for other systems run here.

::

    HeadraceError
     ├── AlreadyImportedError (also ImportError)   the real package was imported before it could be stood in for
     └── ConfigurationError
          ├── BadCheckpoint                         a checkpoint is not there, or cannot be read
          ├── UnknownFaceError                      there is no stand-in of that name
          └── RefusedError                          the program asks for something that is not here

`CompatWarning` tells of what is accepted and has no effect.
"""

from __future__ import annotations

from headrace.core import HeadraceError
from headrace.dataflow import ConfigurationError

__all__ = ["AlreadyImportedError", "BadCheckpoint", "CompatWarning", "RefusedError", "UnknownFaceError"]


class AlreadyImportedError(HeadraceError, ImportError):
    """The real package has been imported, and parts of the program hold its objects."""


class BadCheckpoint(ConfigurationError):
    """A checkpoint is not there, or cannot be read."""


class UnknownFaceError(ConfigurationError):
    """There is no stand-in for a package of that name."""


class RefusedError(ConfigurationError):
    """The program asks for something that is not here, and that would change what it means if it were ignored."""


class CompatWarning(UserWarning):
    """Something was asked for that is accepted and has no effect here."""
