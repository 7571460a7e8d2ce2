"""The command `headrace`.

This module imports nothing of the command line's own, so that what needs little starts fast, and `doctor` can say what
is wrong with an installation in which the rest cannot be imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from headrace import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code for the process.

    Args:
        arguments: what comes after the command's name; those of this process unless given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        sys.stdout.write(f"headrace {__version__}\n")
        return 0
    if given[:1] == ["doctor"] and "--help" not in given and set(given[1:]) <= {"--json"}:
        from headrace.cli.doctor import doctor  # noqa: PLC0415 - must work where the imports below do not

        return doctor(as_json="--json" in given)
    try:
        from headrace.cli.commands import parse  # noqa: PLC0415 - see the module's docstring

        asked = parse(given)
        if isinstance(asked, int):
            return asked
        from headrace.cli.run import run  # noqa: PLC0415 - other commands have no use for it
    except ImportError as error:
        sys.stderr.write(
            f"headrace: {error}: the installation is incomplete, and `headrace doctor` says what it lacks\n"
        )
        return 1
    return run(asked)
