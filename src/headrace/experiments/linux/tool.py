"""What the measuring tools have in common."""

from __future__ import annotations

import asyncio
import json
import posixpath
import re
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.errors import ExperimentError, InvalidAttribute
from headrace.experiments.hosts.errors import FileNotThere
from headrace.experiments.hosts.values import tail
from headrace.experiments.linux.application import Application
from headrace.experiments.linux.errors import ApplicationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Tool", "target"]

_TARGET = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_%-]*")
# Arguments: a file, a text, and what is there once the process has ended. No event tells of a text in a file.
_AWAIT = """
tries=0
until grep -qsF -e "$2" -- "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] && [ ! -e "$3" ] || exit 1
    sleep 0.02
done
"""


def target(_: object, address: str | None) -> str | None:
    """Check an address or a host's name, as a `set_hook`.

    Raises:
        InvalidAttribute: it is neither.
    """
    if address is not None and not _TARGET.fullmatch(address):
        raise InvalidAttribute(f"attribute target: {address!r} is refused: it is an address or the name of a host")
    return address


class Tool(Application):
    """An application that measures, and whose output is understood. Not to be registered: its subclasses are."""

    _rtype: ClassVar[str] = "linux::Tool"

    _stopped = False

    def arguments(self) -> list[str]:
        """Return the program and its arguments. For subclasses."""
        raise NotImplementedError

    def command_line(self) -> tuple[str, ...]:
        """Return what is run; its output is in English."""
        if self.get("command"):
            raise InvalidAttribute(f"{self}: it makes its own command; for another one take a linux::Application")
        return ("env", "LC_ALL=C", *self.arguments())

    def required(self, name: str) -> str:
        """Return an attribute that must have been set.

        Raises:
            ExperimentError: it has not been.
        """
        value = self.get(name)
        if value is None:
            raise ExperimentError(f"{self}: its {name} is not set; set it before it is started")
        return str(value)

    async def do_start(self) -> None:
        """Launch it."""
        self._stopped = False
        await super().do_start()

    async def do_stop(self) -> None:
        """End it."""
        self._stopped = True
        await super().do_stop()

    async def written(self, name: str) -> str:
        """Return what it wrote to a file so far; "" if it has written none."""
        try:
            return (await self.host.read(posixpath.join(self.process_directory, name))).decode(errors="replace")
        except FileNotThere:
            return ""

    async def await_text(self, name: str, text: str) -> None:
        """Wait until it has written a text to a file, for 10 s at most.

        Raises:
            ApplicationFailed: it has not; it may have ended.
        """
        run = self._run
        ended = posixpath.join(run.process.directory, "exitcode") if run is not None else ""
        path = posixpath.join(self.process_directory, name)
        done = await self.host.run(["sh", "-c", _AWAIT, "sh", path, text, ended])
        if not done.ok:
            said = tail((await self.written("stderr")).encode()) or tail((await self.written("stdout")).encode())
            raise ApplicationFailed(f"{self}: it has not begun its work within 10 s: {said or 'it said nothing'}")

    async def report(self, name: str, found: Mapping[str, Any], **results: Any) -> None:  # noqa: ANN401 - of the declared types
        """Write what was found to a trace, as JSON, and set the attributes that are results."""
        text = json.dumps(found, indent=2) + "\n"
        await asyncio.to_thread((self.directory / name).write_text, text, encoding="utf-8")
        for attribute, value in results.items():
            # Its own result, whoever happens to read it from the output.
            self._values[attribute] = self._declared(attribute).check(value)
            self._ec._value_changed(self, attribute)  # noqa: SLF001 - as in the base
