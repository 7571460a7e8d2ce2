"""Bash apps: functions that return a command line, which is then run."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.compute.executors.portable import Portable
from headrace.dataflow.errors import AppBadFormatting, BashAppNoReturn, BashExitFailure, MissingOutputs
from headrace.dataflow.streams import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BashCommand"]


class BashCommand:
    """Calls the function, runs the command line that it returns with ``/bin/bash``, and checks what came of it."""

    def __init__(self, func: Callable[..., str]) -> None:
        self._func = Portable(func)
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - any function's
        """Return 0: the command ended with exit code 0, and every one of the files in `outputs` is there.

        Raises:
            BashAppNoReturn: the function returned no command.
            AppBadFormatting: it raised one of the errors of a template that does not fit its values.
            BadStdStreamFile: `stdout` or `stderr` cannot be opened.
            BashExitFailure: the exit code was not 0.
            MissingOutputs: declared files are not there.
        """
        command = self._command(args, kwargs)
        with ExitStack() as files:
            streams: dict[str, Any] = {}
            for name in ("stdout", "stderr"):
                opened = open_stream(name, kwargs.get(name))
                streams[name] = files.enter_context(opened) if opened is not None else None
            ended = subprocess.run(  # noqa: S603 - running the user's command is what the user asked for
                ["/bin/bash", "-c", command], check=False, stdin=subprocess.DEVNULL, **streams
            )
        if ended.returncode != 0:
            raise BashExitFailure(self.__name__, ended.returncode, kwargs.get("stderr"))
        missing = [output for output in kwargs.get("outputs") or () if not Path(output).exists()]
        if missing:
            raise MissingOutputs(self.__name__, missing)
        return 0

    def _command(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        try:
            command = self._func(*args, **kwargs)
        except (IndexError, KeyError) as error:
            msg = f"bash app {self.__name__}: its command cannot be formed: {type(error).__name__}: {error}"
            raise AppBadFormatting(msg) from error
        if not isinstance(command, str) or not command.strip():
            msg = f"bash app {self.__name__} must return a command line; it returned {command!r}"
            raise BashAppNoReturn(msg)
        return command
