"""What can go wrong with a host.

::

    ExperimentError
     └── HostError                     the base; names the host
          ├── HostUnreachable          transient: no connection; what the host does meanwhile is unknown
          │    ├── NameNotResolved     its name has no address (not transient)
          │    ├── PortClosed          nothing listens there
          │    ├── HostTimedOut        it does not answer
          │    └── ConnectionLost      the connection has ended while it was used
          ├── AuthenticationRefused    it does not take the user, the keys or the password
          ├── IdentityUnreadable       a private key cannot be used
          ├── HostKeyUnknown           nobody has said that this key is the host's
          ├── HostKeyChanged           the host shows another key than the one that is known
          ├── ProtocolRefused          no common algorithm or version
          ├── SessionRefused           transient: the host does not open one more session
          ├── HostClosed               it was closed here
          ├── Unsuitable               the host lacks what is needed, as a tool
          ├── CommandTimedOut          a command took too long, and was ended
          ├── CommandFailed            a command ended with another exit code than 0, or by a signal
          ├── SudoRefused              sudo is not there, or would ask for a password
          ├── LaunchFailed             a process could not be started
          ├── ProcessUnknown           no such process was ever started there, or its folder is gone
          ├── StopFailed               something of a process does not end
          ├── FileProblem              a file there cannot be read or written
          │    ├── FileNotThere (also LookupError)
          │    └── TransferFailed      what arrived is not what was sent
          └── OutsideBase              a path that may not be removed
"""

from __future__ import annotations

from typing import ClassVar

from headrace.experiments.errors import ExperimentError

__all__ = [
    "AuthenticationRefused",
    "CommandFailed",
    "CommandTimedOut",
    "ConnectionLost",
    "FileNotThere",
    "FileProblem",
    "HostClosed",
    "HostError",
    "HostKeyChanged",
    "HostKeyUnknown",
    "HostTimedOut",
    "HostUnreachable",
    "IdentityUnreadable",
    "LaunchFailed",
    "NameNotResolved",
    "OutsideBase",
    "PortClosed",
    "ProcessUnknown",
    "ProtocolRefused",
    "SessionRefused",
    "StopFailed",
    "SudoRefused",
    "TransferFailed",
    "Unsuitable",
]


class HostError(ExperimentError):
    """The base of what goes wrong with a host.

    Args:
        host: which one, as "user@name:22".
        problem: what went wrong, and what would help.
    """

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(host, problem)
        self.host = host
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.host}: {self.problem}"


class HostUnreachable(HostError):
    """There is no connection. What was asked for may have been done or not; what runs there may run on or not."""

    transient: ClassVar[bool] = True


class NameNotResolved(HostUnreachable):
    """The host's name has no address."""

    transient: ClassVar[bool] = False


class PortClosed(HostUnreachable):
    """The host, or something before it, refuses connections to the port."""


class HostTimedOut(HostUnreachable):
    """The host does not answer in time."""


class ConnectionLost(HostUnreachable):
    """The connection has ended while it was used."""


class AuthenticationRefused(HostError):
    """The host does not take the user, the keys or the password."""


class IdentityUnreadable(HostError):
    """A private key cannot be read, or is protected by a passphrase that nobody can be asked for."""


class HostKeyUnknown(HostError):
    """Nobody has said that the key which the host shows is its own."""


class HostKeyChanged(HostError):
    """The host shows another key than the one that is known, or one that was revoked."""


class ProtocolRefused(HostError):
    """What answers speaks no SSH, or none that is spoken here."""


class SessionRefused(HostError):
    """The host does not open one more session on the connection."""

    transient: ClassVar[bool] = True


class HostClosed(HostError):
    """The host was closed here, and is not used any more."""


class Unsuitable(HostError):
    """The host lacks what is needed: a tool, a system, a service."""


class CommandTimedOut(HostError):
    """A command took longer than it was given. It was told to end."""


class CommandFailed(HostError):
    """A command ended with another exit code than 0, or by a signal."""


class SudoRefused(HostError):
    """The command may not be run by sudo without a password."""


class LaunchFailed(HostError):
    """A process could not be started; nothing of it runs."""


class ProcessUnknown(HostError):
    """Nothing was ever started under these facts, or its folder has been removed."""


class StopFailed(HostError):
    """Something of a process goes on after a KILL, or may not be signalled."""


class FileProblem(HostError):
    """A file of the host cannot be read or written."""


class FileNotThere(FileProblem, LookupError):
    """The host has no such file."""


class TransferFailed(FileProblem):
    """What arrived is not what was sent."""


class OutsideBase(HostError):
    """The path is not below the host's own base folder, and is not removed."""
