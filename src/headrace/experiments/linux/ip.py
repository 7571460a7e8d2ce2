"""Having a host's network changed: commands of iproute2, as root."""

from __future__ import annotations

import re
import secrets
import shlex
from typing import TYPE_CHECKING

from headrace.experiments.errors import InvalidAttribute
from headrace.experiments.hosts.errors import Unsuitable
from headrace.experiments.hosts.values import tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headrace.experiments.hosts import Completed, Host

__all__ = [
    "NetworkRefused",
    "change",
    "device_name",
    "in_namespace",
    "refuse_unless_done",
    "run_as_root",
    "unique_name",
]

# Where these tools are on Debian, for users whose PATH leaves that out.
_PATH = 'PATH="$PATH:/usr/sbin:/sbin"; export PATH LC_ALL=C\n'
_MISSING = 69
_NEED = (
    f'for each in ip tc; do command -v "$each" >/dev/null || {{ echo "$each" >&2; exit {_MISSING}; }}; done\n'
    'try() { "$@" || { code=$?; echo "($*)" >&2; exit $code; }; }\n'
)
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")


class NetworkRefused(Unsuitable):
    """The host has not changed its network as it was asked to; the message has its words."""


def in_namespace(namespace: str, tool: str, *arguments: str) -> list[str]:
    """Return the command that has ``ip`` or ``tc`` work in a network namespace; "" is the host's own."""
    return [tool, "-n", namespace, *arguments] if namespace else [tool, *arguments]


def unique_name(prefix: str) -> str:
    """Return a name that nothing else has: the prefix and 8 hexadecimal digits."""
    return prefix + secrets.token_hex(4)


def device_name(_: object, name: str | None) -> str | None:
    """Check what an interface is to be called, as a `set_hook`.

    Raises:
        InvalidAttribute: no interface can have this name.
    """
    if name is not None and not _DEVICE.fullmatch(name):
        raise InvalidAttribute(
            f"attribute name: {name!r} is refused: an interface has up to 15 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return name


async def change(host: Host, commands: Iterable[Sequence[str]], what: str) -> None:
    """Run commands one after the other, as root, until one fails.

    Args:
        host: where.
        commands: programs with their arguments; nothing in them is read by a shell.
        what: what they are for, as "linux::Link 7: making it".

    Raises:
        NetworkRefused: one failed; those before it have been done.
        Unsuitable: iproute2 is missing, or root has no rights over the network there.
        SudoRefused: root's rights cannot be had.
    """
    text = "".join(f"try {shlex.join(command)}\n" for command in commands)
    if text:
        refuse_unless_done(host.name, await run_as_root(host, text), what)


async def run_as_root(host: Host, script: str, *arguments: str, timeout: float = 60.0) -> Completed:  # noqa: ASYNC109 - the script is ended with it
    """Have a shell of root's run a script in which ``ip`` and ``tc`` are found, and `try` ends it when a command fails.

    Raises:
        SudoRefused: root's rights cannot be had.
    """
    return await host.run(["sh", "-c", _PATH + _NEED + script, "sh", *arguments], sudo=True, timeout=timeout)


def refuse_unless_done(host: str, done: Completed, what: str) -> None:
    """Raise what a script's failure means; nothing if it has not failed."""
    if done.ok:
        return
    said = tail(done.stderr) or done.how
    if done.exit_code == _MISSING:
        raise Unsuitable(host, f"{what}: it lacks {said}; install it (Debian package iproute2)")
    if "not permitted" in said or "ermission denied" in said:
        raise Unsuitable(
            host,
            f"{what}: not allowed, which takes root with CAP_NET_ADMIN and CAP_SYS_ADMIN (most containers lack "
            f"these): {said}",
        )
    raise NetworkRefused(host, f"{what}: {said}")
