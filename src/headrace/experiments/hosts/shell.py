"""Text for the shells of hosts."""

from __future__ import annotations

import re
import shlex
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.hosts.values import Launch

__all__ = ["MARK", "call", "command_text", "encoded", "launch_text", "program_text", "quoted", "words"]

#: The variable in the environment of each command by which what it started is found.
MARK = "HEADRACE_PROCESS"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def encoded(text: str) -> bytes:
    """Return a text as a shell is to read it.

    Raises:
        ValueError: it has a NUL, which no shell can be told.
    """
    if "\0" in text:
        raise ValueError("a NUL character cannot be told to a shell")
    return text.encode(errors="surrogateescape")


def command_text(
    command: str | Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    sudo: bool = False,
) -> str:
    """Return the shell's text that becomes a command: its process is the command's.

    Raises:
        ValueError: the command has no word, or a variable cannot have this name.
    """
    words = ["exec"]
    if sudo:
        words += ["sudo", "-n", "--"]
    if env:
        words += ["env", *(f"{_checked(name)}={value}" for name, value in env.items())]
    words += _argv(command)
    text = shlex.join(words)
    return text if cwd is None else f"cd {shlex.quote(cwd)} && {text}"


def launch_text(launch: Launch, directory: str) -> str:
    """Return the program text of a command that is launched. Its secrets are in no argument list.

    Raises:
        ValueError: the command has no word, or a variable cannot have this name.
    """
    lines = [f"cd {shlex.quote(launch.cwd or directory)} || exit 126"]
    lines += [f"export {_checked(name)}={shlex.quote(value)}" for name, value in launch.env.items()]
    lines.append(launch.command if isinstance(launch.command, str) else "exec " + shlex.join(_argv(launch.command)))
    return "\n".join(lines)


def quoted(word: str) -> str:
    """Return a word that a shell reads as it is."""
    return shlex.quote(word)


def words(*arguments: object) -> str:
    """Return words that a shell reads as they are."""
    return shlex.join(map(str, arguments))


def call(script: str, function: str, *arguments: object) -> str:
    """Return the text that calls a function of ``process.sh`` or ``files.sh``."""
    return f"{_functions(script)}\n{words(function, *arguments)}\n"


def program_text(command: str, *arguments: object) -> str:
    """Return the text that launches a command: it leaves the functions with the command for its supervisor."""
    functions = shlex.quote(_functions("process.sh"))
    launched = words("launch", *arguments)
    return f'functions={functions}\ncommand={shlex.quote(command)}\neval "$functions"\n{launched}\n'


def _argv(command: str | Sequence[str]) -> list[str]:
    if isinstance(command, str):
        return ["sh", "-c", command]
    if not command:
        raise ValueError("a command needs a program at least")
    return [*command]


def _checked(name: str) -> str:
    if _NAME.match(name) is None:
        raise ValueError(f"no environment variable can have the name {name!r}: letters, digits and _ only")
    return name


@cache
def _functions(script: str) -> str:
    return resources.files(__package__).joinpath(script).read_text(encoding="ascii")
