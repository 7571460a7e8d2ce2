"""How a host is reached over SSH."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SshSettings"]


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How a host is reached over SSH. Nobody is ever asked for anything.

    Attributes:
        host: its name or address. What ``~/.ssh/config`` says of it counts, unless it is said here.
        port: 22 by default.
        user: by default the one who runs this.
        identity: a file with a private key without a passphrase. By default the agent's keys and those in ``~/.ssh``.
        password: used if no key is taken. It is in no message.
        agent: whether the keys of the SSH agent are tried.
        strict_host_keys: whether the host must show a key that is in a file of known hosts. Without this, whoever is
            between here and there can read and change everything.
        known_hosts: that file. By default ``~/.ssh/known_hosts`` and ``/etc/ssh/ssh_known_hosts``.
        gateway: another host, through which this one is reached.
        connect_timeout: seconds within which one attempt to connect must have succeeded.
        patience: seconds for which a host that does not answer is tried again, before a request is given up.
        keepalive: seconds of silence after which a host is asked whether it is there; it is taken for lost when it has
            not answered `keepalive_misses` times.
        sessions: how many sessions are open at once. OpenSSH's own limit (MaxSessions) is 10.
    """

    host: str
    port: int | None = None
    user: str | None = None
    identity: Path | None = None
    password: str | None = field(default=None, repr=False)
    agent: bool = True
    strict_host_keys: bool = True
    known_hosts: Path | None = None
    config: bool = True
    gateway: SshSettings | None = None
    connect_timeout: float = 15.0
    patience: float = 60.0
    keepalive: float = 5.0
    keepalive_misses: int = 3
    sessions: int = 8

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("a host over SSH needs a name or an address")
        if self.sessions < _FEWEST:
            raise ValueError(
                f"{self.place}: sessions must be {_FEWEST} or more, not {self.sessions}:"
                " one watches processes, one moves files, and two run commands"
            )

    @property
    def place(self) -> str:
        """What messages call the host."""
        user = f"{self.user}@" if self.user else ""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{user}{name}:{self.port or 22}"


_FEWEST = 4
