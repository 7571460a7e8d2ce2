"""Why a connection could not be made, in the words of those who must do something about it."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from headrace.experiments.hosts.errors import (
    AuthenticationRefused,
    ConnectionLost,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    HostTimedOut,
    HostUnreachable,
    IdentityUnreadable,
    NameNotResolved,
    PortClosed,
    ProtocolRefused,
)

if TYPE_CHECKING:
    from headrace.experiments.hosts.settings import SshSettings

__all__ = ["explain", "known_hosts_files"]


def explain(error: Exception, settings: SshSettings, shown: asyncssh.SSHKey | None) -> HostError:
    """Return what a failed attempt means.

    Args:
        error: what asyncssh or the system said.
        settings: how it was tried.
        shown: the key that the host showed, if it was not known.
    """
    match error:
        case HostError():
            return error
        case asyncssh.HostKeyNotVerifiable():
            return _key_error(error, settings, shown)
        case OSError():  # TimeoutError is one.
            return _system_error(error, settings)
    return _refusal(error, settings)


def _refusal(error: Exception, settings: SshSettings) -> HostError:
    place = settings.place
    match error:
        case asyncssh.PermissionDenied():
            return AuthenticationRefused(place, f"it lets nobody in with {_tried(settings)} ({error.reason})")
        case asyncssh.KeyImportError() | asyncssh.KeyEncryptionError():
            remedy = "name a key without a passphrase, or add it to the agent and name none"
            return IdentityUnreadable(place, f"the private key {settings.identity} cannot be used: {error}; {remedy}")
        case asyncssh.ConnectionLost():
            return ConnectionLost(place, f"it ended the connection before the login was done ({error.reason})")
        case asyncssh.DisconnectError():
            return ProtocolRefused(place, f"it does not speak SSH as it is spoken here: {error.reason}")
        case asyncssh.ChannelOpenError():
            gateway = settings.gateway.place if settings.gateway else "the gateway"
            return HostUnreachable(place, f"{gateway} cannot connect to it: {error.reason}")
    return HostUnreachable(place, f"no connection can be made: {type(error).__name__}: {error}")


def known_hosts_files(settings: SshSettings) -> list[str]:
    """Return the files of known hosts that are there."""
    if settings.known_hosts is not None:
        candidates = [settings.known_hosts]
    else:
        candidates = [Path.home() / ".ssh" / "known_hosts", Path("/etc/ssh/ssh_known_hosts")]
    return [str(each) for each in candidates if each.is_file()]


def _system_error(error: OSError, settings: SshSettings) -> HostError:
    place = settings.place
    if isinstance(error, TimeoutError):
        limit = f"within {settings.connect_timeout:g} s"
        return HostTimedOut(place, f"it does not answer {limit}: it is off, cut off, or behind a firewall")
    if isinstance(error, socket.gaierror):
        return NameNotResolved(place, f"the name {settings.host} cannot be resolved ({error.strerror}); is it right?")
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError) and error.filename:
        return IdentityUnreadable(place, f"{error.filename} cannot be read: {error.strerror}")
    # Several addresses of one name give one error with the texts of all.
    if error.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return PortClosed(place, f"nothing listens on port {settings.port or 22}: is sshd running there, on that port?")
    return HostUnreachable(place, f"it cannot be reached: {error.strerror or error}")


def _tried(settings: SshSettings) -> str:
    ways = [f"the key {settings.identity}"] if settings.identity else ["the keys in ~/.ssh"]
    ways += ["the agent's keys"] if settings.agent else []
    ways += ["the password"] if settings.password is not None else []
    user = f"user {settings.user} and " if settings.user else ""
    return user + ", ".join(ways)


def _key_error(error: asyncssh.HostKeyNotVerifiable, settings: SshSettings, shown: asyncssh.SSHKey | None) -> HostError:
    place = settings.place
    if shown is None:
        return HostKeyChanged(place, f"its host key is not accepted: {error.reason}")
    name = settings.host if settings.port in {None, 22} else f"[{settings.host}]:{settings.port}"
    fingerprint = shown.get_fingerprint()
    key = " ".join(shown.export_public_key("openssh").decode("ascii").split()[:2])
    files = known_hosts_files(settings)
    if files and asyncssh.match_known_hosts(files, settings.host, "", settings.port or 22)[0]:
        return HostKeyChanged(
            place,
            f"its key has changed: it shows {fingerprint}, and {', '.join(files)} knows another. Either the host was"
            " installed again, or somebody is in between. If it was installed again, replace its line by this one:"
            f" {name} {key}",
        )
    file = settings.known_hosts or Path.home() / ".ssh" / "known_hosts"
    return HostKeyUnknown(
        place,
        f"its key {fingerprint} is not known. If that is the host's own (ssh-keygen -lf on it tells), add this line to"
        f" {file}: {name} {key}",
    )
