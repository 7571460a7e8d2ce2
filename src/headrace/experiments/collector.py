"""Gathering one trace of many resources when an experiment is over."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, TraceError
from headrace.experiments.resource import ResourceManager
from headrace.experiments.state import ResourceState
from headrace.experiments.threads import on_thread

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Collector"]

_R = ResourceState
#: As many traces are copied at one time: they may all come from one host.
_AT_ONCE = 16


class Collector(ResourceManager):
    """Copies one trace of each resource that it is connected to into the run's folder, when it is released.

    These are released after it. The copy of resource 3's is ``<run_dir>/<subDir>/3.<rename>``, byte for byte, or
    ``3.<traceName>`` where no other name is given.

    It is FAILED, and says why, when it is deployed without a `traceName`, or with one that a connected resource does
    not record; and when a trace cannot be read in time. The others are copied all the same. Of a resource that was
    never started there may be none.
    """

    _rtype = "Collector"
    _help = "Copies one trace of each connected resource into the run's folder when the experiment is released"
    _platform = "all"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("traceName", "Which trace of the connected resources to copy", flags=Flags.Design),
        Attribute("subDir", "A folder within the run's, to copy to", flags=Flags.Design),
        Attribute("rename", "What the copies' names end with, instead of the trace's name", flags=Flags.Design),
        Attribute("timeout", "How many seconds a copy may take", type=Types.Double, default=60.0, range=(0.001, None)),
    )

    def valid_connection(self, guid: int) -> bool | str:
        """Take what records something."""
        other = self.ec.get_resource(guid)
        if isinstance(other, Collector):
            return "one Collector has nothing that another could collect"
        return bool(other._traces) or f"{other} records no traces"  # noqa: SLF001 - a part of it

    def release_before(self) -> Iterable[ResourceManager]:
        """Return all that it collects from."""
        return self.get_connected()

    def do_provision(self) -> None:
        """See that there will be something to collect, while it is time to change that."""
        name = self._trace_name()
        target = self._target()
        for other in self.get_connected():
            if not other.trace_enabled(name):
                raise ExperimentError(
                    f"{self}: {other} does not record its trace {name!r}; call enable_trace({other.guid}, {name!r}) "
                    "before it is deployed"
                )
            for rival in other.get_connected(Collector):
                if rival is not self and rival.get("traceName") and rival._target() == target:  # noqa: SLF001 - ours
                    raise ExperimentError(
                        f"{self}: {rival} copies to the same file, {other.guid}.{target[1]}; give one another subDir "
                        "or rename"
                    )

    async def do_release(self) -> None:
        """Copy, unless it was never deployed."""
        if _R.READY not in self.times:
            return
        name = self._trace_name()
        places = asyncio.Semaphore(_AT_ONCE)
        others = self.get_connected()
        failed = await asyncio.gather(*(self._collect(other, name, places) for other in others))
        problems = [problem for problem in failed if problem is not None]
        if problems:
            told = "; ".join(f"{type(each).__name__}: {each}" for each in problems)
            error = ExperimentError(f"{self}: {len(problems)} of {len(others)} traces could not be collected: {told}")
            error.__cause__ = problems[0]
            self.fail(error)

    def do_recover(self) -> ResourceState:
        """Go on where it was: nothing of it exists before it is released, and it may copy again what it has copied."""
        return self.state

    async def _collect(self, other: ResourceManager, name: str, places: asyncio.Semaphore) -> Exception | None:
        """Copy the trace of one resource. Return what went wrong."""
        target = self._folder() / f"{other.guid}.{self._ending()}"
        limit = self.get("timeout")
        async with places:
            try:
                async with asyncio.timeout(limit):
                    await self._fetch(other, name, target)
            except TimeoutError:
                return TraceError(f"{name} of {other}: it has not been copied within {limit:g} s")
            except Exception as error:  # noqa: BLE001 - it is told with all others
                if isinstance(error, TraceError) and not {_R.STARTED, _R.STOPPED, _R.FINISHED} & other.times.keys():
                    self.info(f"{other} was never started, and has no {name}: {error}")
                    return None
                return error
        return None

    async def _fetch(self, other: ResourceManager, name: str, target: Path) -> None:
        cls = type(other)
        if inspect.iscoroutinefunction(cls.fetch_trace):
            await other.fetch_trace(name, target)
        elif cls.trace is ResourceManager.trace or cls.fetch_trace is not ResourceManager.fetch_trace:
            await on_thread(self, other.fetch_trace, name, target)
        else:
            # Its author has said how its traces are read, and nothing else.
            found: Any = other.trace(name) if inspect.iscoroutinefunction(cls.trace) else None
            text = await found if found is not None else await on_thread(self, other.trace, name)
            await on_thread(self, target.write_text, text, "utf-8")

    def _trace_name(self) -> str:
        name = self.get("traceName")
        if not name:
            raise ExperimentError(f"{self}: it is not told what to collect; set traceName to the name of a trace")
        return str(name)

    def _target(self) -> tuple[Path, str]:
        return self._folder(), self._ending()

    def _ending(self) -> str:
        return str(self.get("rename") or self._trace_name())

    def _folder(self) -> Path:
        """Return where the copies go; it is there."""
        inside = PurePath(self.get("subDir") or "")
        if inside.is_absolute() or ".." in inside.parts:
            raise ExperimentError(f"{self}: subDir is a folder within that of the run, and {str(inside)!r} is not")
        rename = self.get("rename")
        if rename and ("/" in rename or "\0" in rename):
            raise ExperimentError(f"{self}: rename is the end of a file's name, and {rename!r} cannot be")
        folder = self.ec.run_dir / inside
        folder.mkdir(parents=True, exist_ok=True)
        return folder
