"""Resources: anything with a life that an experiment uses."""

from __future__ import annotations

import asyncio
import inspect
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.core.condition import Reply
from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.declared import Declares
from headrace.experiments.errors import (
    ExperimentError,
    InvalidAction,
    ReadOnlyAttribute,
    ResourceFailed,
    ResourceLost,
    TraceError,
    UnknownAttribute,
    UnknownTrace,
    WriteOnlyAttribute,
)
from headrace.experiments.facts import read_facts, write_facts
from headrace.experiments.methods import DONE, METHODS, STEPS, in_turn, run_steps
from headrace.experiments.state import ResourceState
from headrace.experiments.trace import TraceAttr, copy_trace, read_trace
from headrace.experiments.units import ResourceUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from headrace.core import Transition
    from headrace.experiments.condition import Condition
    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.trace import Trace

__all__ = ["ResourceManager"]

_R = ResourceState
_STEP_STATES = {"discover": _R.DISCOVERED, "reserve": _R.RESERVED, "provision": _R.PROVISIONED}


class ResourceManager(Declares):
    """One resource of an experiment: its attributes, connections, traces, and what is done to it.

    Authors subclass it, name it in `_rtype`, declare `attributes` and `traces`, and override the hooks `do_discover`,
    `do_reserve`, `do_provision`, `do_configure`, `do_deploy`, `do_start`, `do_stop`, `do_release` and `do_fail`: as
    coroutines, which all run on one loop, or as functions that may block, which run on threads of their own. One hook
    of a resource runs at a time. When one returns, the resource goes on to the state that it stands for, unless the
    hook has moved it itself; what it raises makes the resource FAILED.

    Resources are made by an `ExperimentController`.
    """

    _rtype: ClassVar[str] = "abstract::ResourceManager"
    _help: ClassVar[str] = ""
    _platform: ClassVar[str] = ""

    #: What this class adds to the attributes and traces of those that it inherits from.
    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("critical", "Whether the experiment is given up when this fails", type=Types.Bool, default=True),
        Attribute("hardRelease", "Whether it is forgotten once it has been released", type=Types.Bool, default=False),
    )
    traces: ClassVar[tuple[Trace, ...]] = ()

    #: How many seconds a release waits for a method that is being called, before it goes ahead.
    release_patience: ClassVar[float] = 10.0

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - other bases'
        super().__init_subclass__(**kwargs)
        for method in vars(cls).keys() & {*METHODS}:
            setattr(cls, method, in_turn(method, vars(cls)[method]))

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        self._ec = ec
        self._stage = ec._stage  # noqa: SLF001 - a part of it
        self._guid = guid
        self._values: dict[str, Any] = {}
        self._enabled: set[str] = {name for name, trace in self._traces.items() if trace.enabled}
        self._connections: dict[int, None] = {}
        #: Its name in its file; the secrets that are not in there and were not set since; what is to be set later.
        self._label = ""
        self._missing: set[str] = set()
        self._sets: list[tuple[str, Any, Condition]] = []
        self._sets_done: set[int] = set()
        self._configured = False
        self._unit = ResourceUnit(guid, self.get_rtype(), self)
        self._logger = logging.getLogger(f"headrace.experiments.{self._rtype}")
        #: When it first came to each state (local time); kept over restarts, where the last time counts.
        self._times: dict[ResourceState, float] = {}

    # --- what it is ---------------------------------------------------------------------------------------------------

    @classmethod
    def get_rtype(cls) -> str:
        """Return the name of the type."""
        return cls._rtype

    @classmethod
    def get_help(cls) -> str:
        """Return what the type is, in words."""
        return cls._help

    @classmethod
    def get_platform(cls) -> str:
        """Return what the type's resources live on."""
        return cls._platform

    @property
    def guid(self) -> int:
        """Its number in the experiment."""
        return self._guid

    @property
    def rtype(self) -> str:
        """The name of its type."""
        return self._rtype

    @property
    def label(self) -> str:
        """What the file that it was loaded from calls it; "" if nothing does."""
        return self._label

    @property
    def missing_credentials(self) -> list[str]:
        """The secrets that it had when it was saved, and that have not been set since it was loaded."""
        return sorted(self._missing)

    @property
    def ec(self) -> ExperimentController:
        """The experiment that it belongs to."""
        return self._ec

    @property
    def state(self) -> ResourceState:
        """Where it is now."""
        return self._unit.resource_state

    @property
    def cause(self) -> BaseException | None:
        """Why it failed; None if it has not."""
        return self._unit.cause

    @property
    def times(self) -> Mapping[ResourceState, datetime]:
        """When it last came to each state, in local time."""
        return {state: datetime.fromtimestamp(at).astimezone() for state, at in self._times.items()}

    @property
    def directory(self) -> Path:
        """Its own folder in the run, made when it is first asked for."""
        path = self._ec.run_dir / str(self._guid)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that all coroutines of the experiment's resources run on."""
        return self._stage.loop.loop

    # --- attributes ---------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Any:  # noqa: ANN401 - of the declared type
        """Return an attribute's value.

        Raises:
            UnknownAttribute: the type declares none of this name.
            WriteOnlyAttribute: it may not be read by others.
        """
        try:
            return self._values[name]
        except KeyError:
            attribute = self._declared(name)
        value = self._ec.get_global_value(self._rtype, name) if Flags.Global in attribute.flags else None
        return attribute.default if value is None else value

    def set(self, name: str, value: Any) -> None:  # noqa: ANN401 - it is checked
        """Set an attribute. Those who wait for its value are looked at again.

        Raises:
            UnknownAttribute: the type declares none of this name.
            InvalidAttribute: the declaration does not allow the value.
            ReadOnlyAttribute: it may not be set, or not any more; the resource's own methods may.
        """
        attribute = self._declared(name)
        checked = attribute.check(value)
        if not self._stage.within(self._unit):
            self._check_may_set(attribute)
        if attribute.set_hook is not None:
            kept = attribute.set_hook(self.get(name), checked)
            checked = checked if kept is None else attribute.check(kept)
        self._values[name] = checked
        self._missing.discard(name)
        self._ec._value_changed(self, name)  # noqa: SLF001 - a part of it

    def _construct(self, values: Mapping[str, Any]) -> None:
        """Set what it was registered with."""
        for name, value in values.items():
            attribute = self._declared(name)
            checked = attribute.check(value)
            if Flags.NoWrite in attribute.flags and Flags.Construct not in attribute.flags:
                raise ReadOnlyAttribute(f"{self}: {name} may not be set: the resource sets it itself")
            if attribute.set_hook is not None:
                kept = attribute.set_hook(attribute.default, checked)
                checked = checked if kept is None else attribute.check(kept)
            self._values[name] = checked

    def _check_may_set(self, attribute: Attribute, *, deployed: bool = False) -> None:
        flags = attribute.flags
        if Flags.NoWrite in flags or Flags.Reserved in flags:
            raise ReadOnlyAttribute(f"{self}: {attribute.name} may not be set: the resource sets it itself")
        if Flags.Construct in flags:
            raise ReadOnlyAttribute(f"{self}: {attribute.name} is set when the resource is registered, and not later")
        deployed = deployed or "DEPLOY" in self._unit.asked or self.state >= _R.PROVISIONED
        # A secret that was lost with an earlier controller may be given again.
        if Flags.Design in flags and deployed and attribute.name not in self._missing:
            raise ReadOnlyAttribute(
                f"{self}: {attribute.name} may be set before the resource is deployed, and it is {self.state}"
            )

    def check_later(self, name: str, value: Any) -> None:  # noqa: ANN401 - it is checked
        """Tell whether an attribute may be set to a value once the resource is STARTED. Raises as `set` would."""
        self._declared(name).check(value)
        self._check_may_set(self._declared(name), deployed=True)

    def _declared(self, name: str) -> Attribute:
        try:
            return self._attributes[name]
        except KeyError:
            raise UnknownAttribute(name, sorted(self._attributes), str(self)) from None

    def get_readable(self, name: str) -> Any:  # noqa: ANN401 - of the declared type
        """Return an attribute's value, as its user may see it. Raises what `get` does, and WriteOnlyAttribute."""
        if Flags.NoRead in self._declared(name).flags and not self._stage.within(self._unit):
            raise WriteOnlyAttribute(f"{self}: {name} may be set, and not be read")
        return self.get(name)

    def has_changed(self, name: str) -> bool:
        """Tell whether an attribute has been set."""
        self._declared(name)
        return name in self._values

    # --- traces -------------------------------------------------------------------------------------------------------

    def enable_trace(self, name: str) -> None:
        """Have a trace recorded. Raises UnknownTrace."""
        self._enabled.add(self._declared_trace(name).name)
        self._ec._touch(self._guid)  # noqa: SLF001 - a part of it

    def trace_enabled(self, name: str) -> bool:
        """Tell whether a trace is recorded. Raises UnknownTrace."""
        return self._declared_trace(name).name in self._enabled

    def enabled_traces(self) -> list[str]:
        """Return the names of the traces that are recorded."""
        return sorted(self._enabled)

    def do_trace(self, name: str) -> Path:
        """Return where a trace's file is, on this machine; override it where that is elsewhere."""
        return self.directory / name

    def trace(self, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0) -> Any:  # noqa: ANN401 - text, a path or a number, as asked
        """Return what was recorded: all of it, so many bytes from block `offset` on, the path of its file, or its size.

        A resource whose traces are elsewhere overrides it.

        Raises:
            TraceError: there is nothing yet, or it cannot be read.
        """
        return read_trace(self.do_trace(name), attr, block, offset)

    def fetch_trace(self, name: str, target: Path) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Copy what was recorded to a file on this machine, byte for byte.

        A resource whose traces are elsewhere overrides it, as a coroutine or as a function that may block.

        Raises:
            TraceError: there is nothing yet, or it cannot be read.
        """
        copy_trace(self.do_trace(name), target)

    def _declared_trace(self, name: str) -> Trace:
        try:
            return self._traces[name]
        except KeyError:
            raise UnknownTrace(name, sorted(self._traces), str(self)) from None

    def read(self, name: str, attr: TraceAttr, block: int, offset: int) -> Any:  # noqa: ANN401 - as `trace`
        """Return what `trace` does, for whichever way it was written. Raises UnknownTrace and TraceError."""
        if not self.trace_enabled(name):
            raise TraceError(
                f"{self}: trace {name!r} is not enabled; enable_trace({self._guid}, {name!r}) before deploying"
            )
        found = self.trace(name, attr, block, offset)
        return self._stage.loop.run(found) if inspect.iscoroutine(found) else found

    # --- connections --------------------------------------------------------------------------------------------------

    @property
    def connections(self) -> list[int]:
        """The guids of the resources that it is connected to, in the order in which they were."""
        return list(self._connections)

    def get_connected(self, rtype: str | type | None = None) -> list[Any]:
        """Return the resources that it is connected to; of one type, named or as a class, where that is given."""
        managers = [self._ec.get_resource(guid) for guid in list(self._connections)]
        if rtype is None:
            return managers
        if isinstance(rtype, str):
            return [each for each in managers if rtype in {getattr(cls, "_rtype", None) for cls in type(each).__mro__}]
        return [each for each in managers if isinstance(each, rtype)]

    def valid_connection(self, guid: int) -> Any:  # noqa: ANN401, ARG002 - for authors: a bool or a str, or a coroutine
        """Tell whether it may be connected to a resource; or, in words, why not."""
        return True

    def do_connect(self, other: int) -> Any:  # noqa: ANN401 - for authors: None, or a coroutine
        """Take note of a new connection, to the resource with this guid."""

    def do_disconnect(self, other: int) -> Any:  # noqa: ANN401 - for authors: None, or a coroutine
        """Take note that a connection is gone."""

    # --- waiting for neighbours ---------------------------------------------------------------------------------------

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return the resources that must be READY before this one is deployed. Asked when it is deployed."""
        return ()

    def release_after(self) -> Iterable[ResourceManager]:
        """Return the resources that, if they are being released as well, must be RELEASED before this one is."""
        return ()

    def release_before(self) -> Iterable[ResourceManager]:
        """Return the resources that, if they are being released as well, must not be RELEASED before this one is."""
        return ()

    async def reached(self, other: ResourceManager, state: ResourceState, timeout: float | None = None) -> None:  # noqa: ASYNC109 - it is one wait
        """Wait, in a coroutine, until another resource has been in a state.

        Raises:
            ResourceFailed: it never will be.
            TimeoutError: `timeout` seconds went by first.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def told(error: BaseException | None) -> None:
            if not future.done():
                future.set_result(None) if error is None else future.set_exception(error)

        def happened(error: BaseException | None) -> None:
            loop.call_soon_threadsafe(told, error)

        handle = self._ec._watch(other, state, happened)  # noqa: SLF001 - a part of it
        try:
            async with asyncio.timeout(timeout):
                await future
        finally:
            handle()

    def wait_for(self, other: ResourceManager, state: ResourceState, timeout: float | None = None) -> None:
        """Wait, in a method that may block, until another resource has been in a state. Raises as `reached` does."""
        if self._stage.loop.here:
            raise ExperimentError("a coroutine cannot wait so: use `await self.reached(other, state)` there")
        reply: Reply[None] = Reply()
        told: Callable[[BaseException | None], None] = lambda error: reply.fail(error) if error else reply.give(None)  # noqa: E731 - short
        end = self._ec._watch(other, state, told)  # noqa: SLF001 - a part of it
        try:
            if not reply.wait(timeout):
                raise TimeoutError(f"{self}: {other} has not been {state} within {timeout} s; it is {other.state}")
            reply.get()
        finally:
            end()

    # --- what is done to it -------------------------------------------------------------------------------------------

    def discover(self) -> None:
        """Find it, or choose it; DISCOVERED on return."""
        self._stage.act(self._unit, "discover")

    def reserve(self) -> None:
        """Set it aside; RESERVED on return."""
        self._stage.act(self._unit, "reserve")

    def provision(self) -> None:
        """Make it, and put on it what it needs; PROVISIONED on return."""
        self._stage.act(self._unit, "provision")

    def configure(self) -> None:
        """Set it up for this experiment."""
        self._stage.act(self._unit, "configure")

    def deploy(self) -> None:
        """Take it to READY. It has rescheduled itself if it is not, on return.

        Raises:
            InvalidAction: it has been deployed.
        """
        if self.state in {_R.STARTED, _R.STOPPED, _R.FINISHED, _R.FAILED, _R.RELEASED}:
            raise InvalidAction(self, "be deployed", self.state)
        self._stage.act(self._unit, "deploy")

    def start(self) -> None:
        """Start it now, whatever its conditions.

        Raises:
            InvalidAction: it is not READY, nor has it ended before.
        """
        if self.state not in {_R.READY, _R.STOPPED, _R.FINISHED}:
            raise InvalidAction(self, "be started", self.state, "deploy it first")
        self._stage.act(self._unit, "start")

    def stop(self) -> None:
        """Stop it now, whatever its conditions; nothing if it has ended.

        Raises:
            InvalidAction: it has not been started.
        """
        if self.state < _R.STARTED:
            raise InvalidAction(self, "be stopped", self.state, "it has not been started")
        if self.state is _R.STARTED or self._stage.within(self._unit):
            self._stage.act(self._unit, "stop")

    def release(self) -> None:
        """Give it back; RELEASED on return. Nothing if it has been."""
        if self.state is _R.RELEASED:
            return
        if self._stage.within(self._unit):
            self._stage.act(self._unit, "release")
        else:
            self._ec.release([self._guid])

    def fail(self, cause: BaseException | str | None = None) -> None:
        """Make it FAILED, with the reason; its `do_fail` is called. Nothing if it has failed, or was released."""
        error = cause if isinstance(cause, BaseException) else ResourceFailed(self, cause)
        self._stage.call(self._stage.fail, self._unit, error)

    # --- hooks for authors --------------------------------------------------------------------------------------------

    def do_discover(self) -> Any:  # noqa: ANN401 - for authors: None, or a coroutine
        """Find it, or choose it."""
        self.set_discovered()
        return DONE

    def do_reserve(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Set it aside."""
        self.set_reserved()
        return DONE

    def do_provision(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Make it, and put on it what it needs."""
        self.set_provisioned()
        return DONE

    def do_configure(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Set it up."""
        return DONE

    def do_deploy(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Take it to READY: by the four steps above, as far as they are not done. To be awaited in a coroutine."""
        if self._stage.loop.here and any(inspect.iscoroutinefunction(getattr(self, f"do_{each}")) for each in STEPS):
            return self._deploy_on_loop()
        for step in STEPS:
            if self.is_before(step):
                self._stage.finish(getattr(self, f"do_{step}")())
                self.note_step(step)
        self.set_ready()
        return DONE

    async def _deploy_on_loop(self) -> None:
        await run_steps(self)
        self.set_ready()

    def do_start(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Start it."""
        self.set_started()
        return DONE

    def do_stop(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Stop it."""
        self.set_stopped()
        return DONE

    def do_release(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Give it back. It may be in any state, also one in which nothing of it exists."""
        self.set_released()
        return DONE

    def do_fail(self) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Clean up after a failure. It is FAILED already."""
        self.set_failed()
        return DONE

    def do_recover(self) -> ResourceState:
        """Find it again, for a controller that goes on with a run whose controller died; return where it really is.

        Raises:
            ResourceLost: it cannot be found, or that cannot be known.
        """
        raise ResourceLost(f"{self}: resources of this type cannot be found again once their controller has died")

    def is_before(self, step: str) -> bool:
        """Tell whether a step of its deployment is still to be done."""
        return not self._configured if step == "configure" else self.state < _STEP_STATES[step]

    def note_step(self, step: str) -> None:
        """Take note that a step of its deployment is done."""
        if step == "configure":
            self._configured = True
        elif self.state < _STEP_STATES[step]:
            self._stage.move(self._unit, _STEP_STATES[step])

    # --- moving it ----------------------------------------------------------------------------------------------------

    def set_discovered(self) -> None:
        """It is DISCOVERED. As all of these: nothing if it is already, or has been released."""
        self._stage.move(self._unit, _R.DISCOVERED)

    def set_reserved(self) -> None:
        """It is RESERVED."""
        self._stage.move(self._unit, _R.RESERVED)

    def set_provisioned(self) -> None:
        """It is PROVISIONED."""
        self._stage.move(self._unit, _R.PROVISIONED)

    def set_ready(self) -> None:
        """It is READY."""
        self._stage.move(self._unit, _R.READY)

    def set_started(self) -> None:
        """It is STARTED."""
        self._stage.move(self._unit, _R.STARTED)

    def set_stopped(self) -> None:
        """It is STOPPED; nothing if it is FINISHED."""
        self._stage.move(self._unit, _R.STOPPED)

    def set_finished(self) -> None:
        """It is FINISHED; nothing if it is STOPPED."""
        self._stage.move(self._unit, _R.FINISHED)

    def set_released(self) -> None:
        """It is RELEASED."""
        self._stage.move(self._unit, _R.RELEASED)

    def set_failed(self) -> None:
        """It is FAILED."""
        if self.state is not _R.FAILED:
            self.fail()

    # --- what a later controller needs --------------------------------------------------------------------------------

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it, or a resource that had its place before its controller died, was told to `remember`."""
        return read_facts(self._ec.run_dir, self._guid)

    def remember(self, **facts: Any) -> None:  # noqa: ANN401 - what JSON can say
        """Keep plain facts, in place of those of the same names: they are on disk on return.

        Raises:
            ExperimentError: they are not what JSON can say, or cannot be written.
        """
        try:
            write_facts(self._ec.run_dir, self._guid, {**self.facts, **facts})
        except (TypeError, ValueError, OSError) as error:
            raise ExperimentError(f"{self}: its facts cannot be kept: {error}") from error

    # --- saying -------------------------------------------------------------------------------------------------------

    def debug(self, message: str) -> None:
        """Log for who looks for an error."""
        self._logger.debug("%s: %s", self, message)

    def info(self, message: str) -> None:
        """Log what goes on."""
        self._logger.info("%s: %s", self, message)

    def warning(self, message: str) -> None:
        """Log what may be wrong."""
        self._logger.warning("%s: %s", self, message)

    def error(self, message: str) -> None:
        """Log what is wrong."""
        self._logger.error("%s: %s", self, message)

    def note_move(self, told: Transition) -> None:
        """Take note of a move: when it was."""
        self._times[told.state] = self._stage.clock.wall()  # type: ignore[index]  # of its lifecycle

    def __str__(self) -> str:
        return f"{self._rtype} {self._guid}"

    def __repr__(self) -> str:
        return f"<{self} {self.state}>"
