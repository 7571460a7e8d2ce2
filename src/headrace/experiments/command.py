"""Commands as resources: on a compute engine, which finds them again when the controller has died."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.compute.engines import CommandSpec, JobState, Output, ProcessEngine
from headrace.compute.resources import Resources, parse_memory
from headrace.core import InvalidTransition
from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, InvalidAttribute, ResourceFailed, ResourceLost
from headrace.experiments.resource import ResourceManager
from headrace.experiments.state import ResourceState
from headrace.experiments.threads import on_thread
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.compute.engines import Engine, Handle, Status, Watcher
    from headrace.experiments.controller import ExperimentController

__all__ = ["Command", "Container", "use_engine"]

logger = logging.getLogger(__name__)

_R = ResourceState


def use_engine(ec: ExperimentController, engine: Engine, rtype: str = "Command") -> None:
    """Have an experiment's resources of a type run on an engine, instead of their own. It is not closed by `ec`.

    To be called before any of them is deployed. For experiments that a new controller may have to go on with, the
    engine must keep commands (``orphan="keep"``), and the new controller be given it as well.

    Raises:
        ExperimentError: they have an engine already.
    """
    lent = _Lent(engine)
    if ec.shared(_key(rtype), lambda: lent) is not lent:
        raise ExperimentError(f"{ec.exp_id}: its resources of type {rtype} have an engine already; give it earlier")


class _Lent:
    """An engine that belongs to somebody else."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine


class _Own(_Lent):
    """An engine that ends with its controller."""

    def close(self) -> None:
        self.engine.close()


def _key(rtype: str) -> str:
    return f"engine of {rtype}"


def _checked_args(_: object, new: str | None) -> str | None:
    try:
        args = [] if new is None else json.loads(new)
    except ValueError as error:
        raise InvalidAttribute(f"attribute args: {new!r} is no JSON: {error}") from error
    if not isinstance(args, list) or not all(isinstance(each, str) for each in args):
        raise InvalidAttribute(
            f'attribute args: it is a list of texts, in JSON, as \'["-c", "3"]\', and {new!r} is not'
        )
    return new


def _checked_env(_: object, new: str | None) -> str | None:
    _assignments(new)
    return new


def _assignments(env: str | None) -> list[str]:
    try:
        words = shlex.split(env or "")
    except ValueError as error:
        raise InvalidAttribute(f"attribute env: {env!r} does not read: {error}") from error
    for word in words:
        name, equals, _ = word.partition("=")
        if not equals or not name or name.startswith("-"):
            raise InvalidAttribute(f"attribute env: it is written as \"NAME=value OTHER='two words'\", not {word!r}")
    return words


def _checked_memory(_: object, new: str | None) -> str | None:
    try:
        parse_memory(new or 0)
    except ValueError as error:
        raise InvalidAttribute(f"attribute memory: {error}") from error
    return new


class Command(ResourceManager):
    """A command, run by a compute engine: as a process of this machine, unless `use_engine` says otherwise.

    It is STARTED when it has begun, FINISHED when it has ended with exit code 0, FAILED when it has ended otherwise (or
    could not begin, took longer than `walltime`, used more than `memory`, or nobody knows), and STOPPED when it was
    ended since it was asked to. Every process that it started ends with it. Started again, it is another process, and
    its output is added to that of the first.

    It goes on when the controller dies, and a new controller for the same run finds it again.
    """

    _rtype = "Command"
    _help = "A command, run by a compute engine"
    _platform = "engines"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("command", "A command line for /bin/sh; with args: the program", flags=Flags.Design),
        Attribute(
            "args",
            "The program's arguments, a list in JSON; with them no shell is involved",
            flags=Flags.Design,
            set_hook=_checked_args,
        ),
        Attribute("cwd", "The working directory; its own folder in the run unless set", flags=Flags.Design),
        Attribute(
            "env",
            "Variables beside those of the controller, as in \"NAME=value OTHER='two words'\"",
            flags=Flags.Design,
            set_hook=_checked_env,
        ),
        Attribute("stdin", "A file to read; nothing unless set", flags=Flags.Design),
        Attribute(
            "cores", "How many it is meant for", type=Types.Integer, default=1, range=(0, None), flags=Flags.Design
        ),
        Attribute(
            "memory", 'What it may use, as "500MB"; no limit unless set', flags=Flags.Design, set_hook=_checked_memory
        ),
        Attribute(
            "walltime",
            "Seconds after which it is ended, and FAILED; never unless set",
            type=Types.Double,
            range=(0.001, None),
            flags=Flags.Design,
        ),
        Attribute(
            "grace",
            "Seconds between asking it to end (SIGTERM) and ending it (SIGKILL)",
            type=Types.Double,
            default=5.0,
            range=(0, 3600),
        ),
    )
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("stdout", "What it wrote to its standard output", enabled=True),
        Trace("stderr", "What it wrote to its standard error", enabled=True),
        Trace("exitcode", "Its exit code; the negated number of the signal that ended it", enabled=True),
    )

    #: Whose engine its resources run on, see `use_engine`: subclasses share that of what they inherit from.
    _engine_of: ClassVar[str] = "Command"

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self._attempt: _Attempt | None = None
        # Who submits, and who gives back, wait for one another: a start that is cut short by a release may still be at
        # it, on its thread.
        self._engaged = threading.Lock()
        self._given_back = False

    # --- hooks --------------------------------------------------------------------------------------------------------

    def do_provision(self) -> None:
        """See that there is something to run, and something to run it."""
        self._engine()
        self._plan()

    async def do_start(self) -> None:
        """Submit it; return when it has begun."""
        attempt = await on_thread(self, self._submit_anew)
        await _done(attempt.begun)

    async def do_stop(self) -> None:
        """Have it ended, and wait for that."""
        attempt = self._attempt
        if attempt is not None and attempt.handle is not None:
            await on_thread(self, self._engine().cancel, attempt.handle)
            await _done(attempt.ended)

    async def do_fail(self) -> None:
        """End what may still run."""
        attempt = self._attempt
        if attempt is not None and attempt.handle is not None and not attempt.ended.done():
            await on_thread(self, self._engine().cancel, attempt.handle)

    async def do_release(self) -> None:
        """End it if it still runs, and have the engine forget it. What it wrote stays in its folder."""
        if self._attempt is not None:
            await on_thread(self, self._give_back)

    def do_recover(self) -> ResourceState:
        """Find it again by its key; start it if the controller died between deciding to and doing it.

        Raises:
            ResourceFailed, ResourceLost: it has ended otherwise than well, or nobody knows.
            EngineError: the engine cannot tell.
        """
        facts = self.facts
        if facts.get("given_back"):
            return _R.RELEASED
        if "plan" not in facts:
            return _R.READY
        attempt = self._attempt = _Attempt(held=True)
        engine = self._engine()
        attempt.handle = engine.submit(self._spec(facts["plan"]), facts["key"], self._watcher(attempt))
        status = engine.poll([attempt.handle])[attempt.handle]
        if not status.final:
            # What becomes of it is told once the controller knows that it runs.
            self.ec._watch(self, _R.STARTED, lambda _: self._stage.post(self._let_go, attempt))  # noqa: SLF001 - a part of it
            return _R.STARTED
        error = self._error(status)
        if error is not None:
            raise error
        return _end_state(status)

    # --- the engine ---------------------------------------------------------------------------------------------------

    def _engine(self) -> Engine:
        return self.ec.shared(_key(self._engine_of), self._make_engine).engine

    def _make_engine(self) -> _Lent:
        return _Own(ProcessEngine(self.ec.run_dir.absolute() / "commands"))

    def _submit_anew(self) -> _Attempt:
        """On a thread."""
        with self._engaged:
            return self._submit()

    def _submit(self) -> _Attempt:
        if self._given_back:
            raise ExperimentError(f"{self}: it has been released, and is not started any more")
        engine = self._engine()
        before = self._attempt
        if before is not None and before.handle is not None:
            engine.remove(before.handle)
        number = int(self.facts.get("starts", 0)) + 1
        key = f"{self.ec.exp_id}/{self.ec.run_id}/{self.guid}/{number}"
        plan = self._plan()
        # On disk before it is done: whoever recovers submits the same under the same key, which is never run twice.
        self.remember(starts=number, key=key, plan=plan)
        attempt = self._attempt = _Attempt()
        attempt.handle = engine.submit(self._spec(plan), key, self._watcher(attempt))
        return attempt

    def _give_back(self) -> None:
        """On a thread."""
        with self._engaged:
            self._given_back = True
            self.remember(given_back=True)
            if self._attempt is not None and self._attempt.handle is not None:
                self._engine().remove(self._attempt.handle)

    def _plan(self) -> dict[str, Any]:
        """Return what is to be run, in plain words: the same for whoever recovers it, wherever that one stands."""
        command = self.get("command")
        if not command:
            raise ExperimentError(f"{self}: there is nothing to run; set command")
        args = self.get("args")
        argv = ["/bin/sh", "-c", command] if args is None else [command, *json.loads(args)]
        variables = _assignments(self.get("env"))
        if variables:
            if "=" in argv[0]:
                raise ExperimentError(f"{self}: a program with a = in its name takes no env: {argv[0]!r}")
            argv = ["/usr/bin/env", *variables, *argv]
        folder = self.directory.absolute()
        stdin = self.get("stdin")
        return {
            "argv": argv,
            "cwd": str(folder / (self.get("cwd") or "")),
            "stdin": None if stdin is None else str(Path(stdin).absolute()),
            "output": str(folder),
            "cores": self.get("cores"),
            "memory": self.get("memory") or 0,
            "walltime": self.get("walltime"),
            "grace": self.get("grace"),
        }

    def _spec(self, plan: Mapping[str, Any]) -> CommandSpec:
        output = Path(plan["output"])
        return CommandSpec(
            argv=tuple(plan["argv"]),
            name=str(self),
            cwd=Path(plan["cwd"]),
            stdin=None if plan["stdin"] is None else Path(plan["stdin"]),
            stdout=Output(output / "stdout"),
            stderr=Output(output / "stderr"),
            resources=Resources(cores=plan["cores"], memory=plan["memory"]),
            walltime=plan["walltime"],
            grace=plan["grace"],
            orphan="keep",
            options=plan.get("options", {}),
        )

    # --- what becomes of it -------------------------------------------------------------------------------------------

    def _watcher(self, attempt: _Attempt) -> Watcher:
        def told(_: Handle, status: Status) -> None:
            """On the engine's thread."""
            attempt.status = status
            if not attempt.held:
                self._note(attempt)

        return told

    def _let_go(self, attempt: _Attempt) -> None:
        """In the mailbox: from now on moves are its watcher's to make, and one that was missed is made elsewhere."""
        attempt.held = False
        self._stage.crew.execute(self._note, (attempt,), {}, _nothing)

    def _note(self, attempt: _Attempt) -> None:
        """Move on with what is known of the command."""
        status = attempt.status
        with attempt.lock:
            if attempt is not self._attempt or attempt.ended.done() or status is None:
                return
            try:
                self._move(status)
            except InvalidTransition as error:
                # It has been failed, or released, for another reason.
                self.debug(f"the command is {status.state}: {error}")
            finally:
                if status.final:
                    attempt.ended.set_result(None)
                if status.final or status.state is JobState.running:
                    attempt.begin()

    def _move(self, status: Status) -> None:
        if status.state is JobState.running:
            self.set_started()
            return
        if not status.final:
            return
        code = status.exit_code if status.signal is None else -status.signal
        if code is not None:
            try:
                (self.directory / "exitcode").write_text(f"{code}\n", encoding="ascii")
            except OSError as failure:
                self.error(f"its exit code, {code}, cannot be written: {failure}")
        error = self._error(status)
        if error is not None:
            self.fail(error)
        else:
            # It may have been too quick for anybody to see it run.
            self.set_started()
            self.set_stopped() if _end_state(status) is _R.STOPPED else self.set_finished()

    def _error(self, status: Status) -> ExperimentError | None:
        """Return what is wrong with how it ended, if anything is."""
        if status.state in {JobState.succeeded, JobState.cancelled}:
            return None
        if status.state is JobState.lost:
            return ResourceLost(f"{self}: nobody knows how its command ended{_reason(status)}")
        if status.signal is not None:
            return ResourceFailed(self, f"its command was ended by signal {status.signal}{_reason(status)}")
        if status.exit_code:
            return ResourceFailed(
                self, f"its command ended with exit code {status.exit_code}{_reason(status)}; see its trace stderr"
            )
        return ResourceFailed(self, f"its command: {status.state}{_reason(status)}")


class Container(Command):
    """A command in a container of an image. Headrace brings no engine that has containers yet.

    So it is FAILED, and says this, when it is deployed, unless the experiment was given an engine for containers:
    ``use_engine(ec, engine, "Container")``. That one is given the image as ``options["image"]``.
    """

    _rtype = "Container"
    _help = "A command in a container; needs an engine that has containers, which Headrace does not bring yet"
    _engine_of: ClassVar[str] = "Container"

    attributes: ClassVar[tuple[Attribute, ...]] = (Attribute("image", "The container's image", flags=Flags.Design),)

    def _make_engine(self) -> _Lent:
        raise ExperimentError(
            f"{self}: Headrace has no engine for containers yet. Give the experiment one that has: "
            'headrace.experiments.command.use_engine(ec, engine, "Container"); or use a Command'
        )

    def _plan(self) -> dict[str, Any]:
        image = self.get("image")
        if not image:
            raise ExperimentError(f"{self}: there is nothing to make a container of; set image")
        return {**super()._plan(), "options": {"image": image}}


class _Attempt:
    """One command that was submitted."""

    def __init__(self, *, held: bool = False) -> None:
        self.handle: Handle | None = None
        self.status: Status | None = None
        #: Whether the resource must not be moved yet.
        self.held = held
        self.begun: Future[None] = Future()
        self.ended: Future[None] = Future()
        self.lock = threading.RLock()

    def begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)


async def _done(future: Future[None]) -> None:
    """Wait for a future that others wait for as well: that this is cancelled is no affair of theirs."""
    await asyncio.shield(asyncio.wrap_future(future))


def _end_state(status: Status) -> ResourceState:
    return _R.STOPPED if status.state is JobState.cancelled else _R.FINISHED


def _reason(status: Status) -> str:
    return f" ({status.reason})" if status.reason else ""


def _nothing(_: object, error: BaseException | None) -> None:
    if error is not None:
        logger.error("a command's end could not be told", exc_info=error)
