"""The engine that runs commands as processes of this machine."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import uuid
import weakref
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, Self

from headrace.compute.engines.base import (
    EngineClosedError,
    EngineError,
    Handle,
    Inherit,
    JobState,
    KeyTakenError,
    Output,
    Status,
    UnknownJobError,
    UnsupportedSpecError,
)
from headrace.compute.engines.process.crew import Crew
from headrace.compute.engines.process.folder import Folder, digest_of, folders_in
from headrace.compute.engines.process.job import Job, Launch
from headrace.compute.engines.process.streams import close_all, open_streams
from headrace.core.condition import SmallCondition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from headrace.compute.engines.base import CommandSpec

__all__ = ["ProcessEngine"]

logger = logging.getLogger(__name__)

#: Seconds beyond a command's grace within which everything of it ends, unless the system is in trouble.
_PATIENCE: Final = 10.0


class ProcessEngine:
    """Runs commands as processes of this machine, each with a supervisor of its own.

    With ``orphan="kill"`` a command, and every process that it started, ends with this process, however that ends.
    With ``orphan="keep"`` it goes on, and any engine on the same directory finds it again.

    The engine starts at once what it is given. It enforces memory and wall time; who gets how many cores and which GPUs
    is for those to say who submit. Until `remove` it remembers each command.

    Args:
        directory: where commands with ``orphan="keep"`` have their folders, one for each key; and files of output that
            nobody asked for by name. Made if it is not there. Without one, such commands are refused, and such files
            are in a temporary folder, which ends with the engine.
        name: what handles and errors call it.

    Raises:
        EngineError: the directory cannot be made.
    """

    def __init__(self, directory: Path | None = None, *, name: str = "process") -> None:
        self._name = name
        self._directory = None if directory is None else Path(directory).absolute()
        if self._directory is not None:
            try:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise EngineError(f"engine {name}: {directory} cannot be made: {error.strerror}") from error
        self._jobs: dict[str, Job] = {}
        self._lock = SmallCondition()
        self._crew: Crew | None = None
        self._temporary: Path | None = None
        self._closed = False
        self._pid = os.getpid()
        _engines.add(self)

    @property
    def name(self) -> str:
        """What handles and errors call it."""
        return self._name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- the protocol -------------------------------------------------------------------------------------------------

    def submit(self, spec: CommandSpec, key: str, watcher: Callable[[Handle, Status], None] | None = None) -> Handle:
        """Have the command run; return at once. See `Engine.submit`.

        With ``orphan="keep"`` the command is safe on return: it is run even if this process is killed, as soon as it is
        submitted again, and never twice.

        Raises:
            StreamError: one of its files cannot be opened.
        """
        return self._submit(spec, key, watcher, [])

    def poll(self, handles: Iterable[Handle]) -> dict[Handle, Status]:
        """Return what is known of each command. See `Engine.poll`."""
        return {handle: self._find(handle).status for handle in handles}

    def cancel(self, handle: Handle) -> None:
        """Ask for the end of a command. See `Engine.cancel`."""
        job = self._find(handle)
        if not job.status.final:
            job.cancelled = True
            self._post("cancel", job)

    def remove(self, handle: Handle) -> None:
        """Forget a command, and delete its folder or its files. See `Engine.remove`.

        Raises:
            EngineError: it does not end, or its folder cannot be deleted.
        """
        try:
            job = self._find(handle)
        except UnknownJobError:
            return
        if not job.status.final:
            self._end(job)
        self._forget(job)
        if job.folder is not None:
            job.folder.delete()

    def logs(
        self, handle: Handle, stream: Literal["stdout", "stderr"] = "stdout", *, offset: int = 0, size: int = -1
    ) -> bytes:
        """Return what the command has written so far. See `Engine.logs`."""
        job = self._find(handle)
        output = None if job.spec is None else getattr(job.spec, stream)
        if isinstance(output, Inherit):
            raise EngineError(f"{_name(job)}: its {stream} is that of the process that submitted it, and is not kept")
        if isinstance(output, Output):
            raise EngineError(f"{_name(job)}: its {stream} goes to {output.path}; read it there")
        path = self._own_file(job, stream)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return b""  # It has not begun.
        except OSError as error:
            raise EngineError(f"{_name(job)}: its {stream} cannot be read at {path}: {error.strerror}") from error

    def close(self, grace: float | None = None) -> None:
        """End every command that is not to be kept, and free everything. See `Engine.close`.

        What cannot be ended, since the kernel or another user's rights forbid it, is told to the log after some
        seconds, and is ended when it can be.
        """
        with self._lock:
            closed, self._closed = self._closed, True
            crew = self._crew
        if closed:
            return
        if crew is not None and os.getpid() == self._pid:
            graces = [job.spec.grace for job in tuple(self._jobs.values()) if job.spec and not job.status.final]
            longest = max(graces, default=0.0)
            crew.reactor.post(crew.close, grace)
            if (
                not crew.reactor.join((longest if grace is None else min(longest, grace)) + _PATIENCE)
                and not crew.reactor.here()
            ):
                left = [_name(job) for job in tuple(self._jobs.values()) if not job.status.final]
                logger.warning("engine %s: these were told to end, and have not ended: %s", self._name, ", ".join(left))
        if self._temporary is not None and os.getpid() == self._pid:
            shutil.rmtree(self._temporary, ignore_errors=True)

    # --- beyond the protocol ------------------------------------------------------------------------------------------

    def run(self, spec: CommandSpec, key: str | None = None) -> Status:
        """Run a command, wait for its end, forget it, and return how it ended.

        An interrupt while it waits ends the command; that is waited for, within bounds, and then the interrupt goes on.

        Raises:
            EngineError: as `submit` does.
        """
        name = uuid.uuid4().hex if key is None else key
        ended = Lock()
        ended.acquire()
        made: list[Job] = []
        try:
            self._submit(spec, name, lambda _, status: ended.release() if status.final else None, made)
            ended.acquire()
            status = self._jobs[name].status
        except BaseException:
            for job in made:
                self._end(job)
            raise
        finally:
            if (left := self._jobs.get(name)) is not None:
                self._forget(left)
        return status

    def handles(self) -> list[Handle]:
        """Return the handles of all commands that the directory holds, ended ones included; none without a directory.

        Raises:
            EngineError: the directory, or a folder in it, cannot be read.
        """
        if self._directory is None:
            return []
        return [Handle(self._name, intent.key, intent.id) for _, intent in folders_in(self._directory)]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _check(self, spec: CommandSpec) -> None:
        if os.getpid() != self._pid:
            raise EngineError(
                f"engine {self._name}: this process is a copy of the engine's own; make another engine here"
            )
        if self._closed:
            raise EngineClosedError(f"engine {self._name} is closed, and does not take {spec.name}")
        if spec.options:
            raise UnsupportedSpecError(
                f"{spec.name}: engine {self._name} has no options, and was given {', '.join(map(repr, spec.options))}"
            )
        if spec.orphan == "keep" and self._directory is None:
            raise UnsupportedSpecError(
                f"{spec.name}: orphan='keep' needs a directory: make engine {self._name} as ProcessEngine(directory)"
            )

    def _submit(
        self, spec: CommandSpec, key: str, watcher: Callable[[Handle, Status], None] | None, made: list[Job]
    ) -> Handle:
        """Do what `submit` does. What is new is in `made` before it can begin, whatever cuts this short."""
        self._check(spec)
        folder = None
        identity = uuid.uuid4().hex
        if spec.orphan == "keep" and self._directory is not None and key not in self._jobs:
            folder = Folder(self._directory, key)
            intent = folder.create(spec, identity)
            _same(intent.digest == digest_of(spec), spec, key)
            identity = intent.id
        mine = Job(Handle(self._name, key, identity), spec, folder)
        made.append(mine)
        try:
            job = self._jobs.setdefault(key, mine)
            if job is not mine:
                made.clear()
                return self._submit_again(job, spec, watcher)
            look = None if folder is None else folder.look()
            if look is not None and not look.never_started:
                job.status = look.status
                self._post("follow", job)
                if watcher is not None:
                    self._post("watch", job, watcher)
            else:
                if watcher is not None:
                    job.watchers.append(watcher)
                self._prepare(job, spec)
                self._post("launch", job)
        except BaseException as error:
            if self._jobs.get(key) is mine:
                del self._jobs[key]
                self._abandon(mine, error)
            raise
        return job.handle

    def _abandon(self, job: Job, error: BaseException) -> None:
        """Take back what was submitted, or was about to be."""
        try:
            self._post("abandon", job, f"it was not taken: {error}")
        except EngineClosedError:
            if job.launch is not None:
                close_all(job.launch.fds)

    def _submit_again(self, job: Job, spec: CommandSpec, watcher: Callable[[Handle, Status], None] | None) -> Handle:
        """Return the handle of the command that has the key, if it is the same command."""
        key = job.handle.key
        if job.spec is None and job.folder is not None:
            intent = job.folder.intent()
            _same(intent is not None and intent.digest == digest_of(spec), spec, key)
            job.spec = spec
            if watcher is not None:
                self._post("watch", job, watcher)
            if not job.status.final and job.folder.look().never_started:
                try:
                    self._prepare(job, spec)
                    self._post("launch", job)
                except EngineError:
                    job.spec = None
                    if job.launch is not None:
                        close_all(job.launch.fds)
                    raise
            return job.handle
        _same(job.spec == spec, spec, key)
        if watcher is not None:
            self._post("watch", job, watcher)
        return job.handle

    def _prepare(self, job: Job, spec: CommandSpec) -> None:
        """Make what the supervisor is to be given: the job's `launch`. Its file descriptors are open."""
        launch = job.launch = Launch({}, {})
        here: list[str] = []
        open_streams(spec, launch.fds)
        try:
            if spec.cwd is None or not spec.cwd.is_absolute():
                try:
                    here.append(_latin(os.getcwdb()))  # noqa: PTH109 - bytes
                except OSError:  # It was deleted; it can be held all the same.
                    launch.fds["here"] = os.open(".", os.O_PATH | os.O_DIRECTORY)
            if spec.cwd is not None:
                here.append(_latin(os.fsencode(spec.cwd)))
            env = os.environb if spec.env is None else {os.fsencode(k): os.fsencode(v) for k, v in spec.env.items()}
            launch.order = {
                "id": job.handle.id,
                "argv": [_latin(os.fsencode(part)) for part in spec.argv],
                "env": {_latin(name): _latin(value) for name, value in env.items()},
                "cwd": here,
                "cpus": sorted(os.sched_getaffinity(0)),
                "walltime": spec.walltime,
                "grace": spec.grace,
                "memory": 0 if spec.resources is None else spec.resources.memory,
                "folder": None if job.folder is None else _latin(os.fsencode(job.folder.path)),
                "files": {} if job.folder is not None else self._own_files(job, spec),
                "truncate": [n for n in ("stdout", "stderr") if getattr(getattr(spec, n), "mode", None) == "w"],
            }
        except OSError as error:
            raise EngineError(f"{spec.name}: it cannot be taken: {error.strerror or error}") from error

    def _own_files(self, job: Job, spec: CommandSpec) -> dict[str, str]:
        streams = [stream for stream in ("stdout", "stderr") if getattr(spec, stream) is None]
        return {stream: _latin(os.fsencode(self._own_file(job, stream))) for stream in streams}

    def _own_file(self, job: Job, stream: str) -> Path:
        """Return where a stream goes that was given no place."""
        if job.folder is not None:
            return job.folder.path / stream
        if self._temporary is None:
            made = Path(tempfile.mkdtemp(prefix=".logs-", dir=self._directory))
            with self._lock:
                if self._temporary is None:
                    self._temporary = made
            if self._temporary is made:
                weakref.finalize(self, _delete, made, self._pid)
            else:
                made.rmdir()
        return self._temporary / f"{job.handle.id}.{stream}"

    def _find(self, handle: Handle) -> Job:
        job = self._jobs.get(handle.key)
        if job is not None and job.handle == handle:
            self._look_again(job)
            return job
        if job is None and self._directory is not None and handle.engine == self._name:
            folder = Folder(self._directory, handle.key)
            intent = folder.intent()
            if intent is not None and intent.id == handle.id:
                return self._find_again(handle, folder)
        raise UnknownJobError(f"engine {self._name} has no command {handle}; it may have been removed")

    def _find_again(self, handle: Handle, folder: Folder) -> Job:
        """Return the job for what a folder holds."""
        new = Job(handle, None, folder)
        new.status = folder.look().status
        if self._closed:
            return new
        job = self._jobs.setdefault(handle.key, new)
        if job is new and not job.status.final:
            self._post("follow", job)
        return job

    def _look_again(self, job: Job) -> None:
        """See whether a command that was never started, when it was found here, was started by somebody else since."""
        if job.spec is not None or job.folder is None or job.status.state is not JobState.submitted or self._closed:
            return
        if not job.folder.look().never_started:
            self._post("follow", job)

    def _post(self, deed: str, *args: object) -> None:
        crew = self._crew
        if crew is None:
            with self._lock:
                if self._crew is None:
                    self._crew = Crew(f"engine {self._name}")
                crew = self._crew
        if self._closed:
            raise EngineClosedError(f"engine {self._name} is closed")
        crew.reactor.start()
        if not crew.reactor.post(getattr(crew, deed), *args):
            raise EngineClosedError(f"engine {self._name} is closed")

    def _end(self, job: Job) -> None:
        """End a command, and wait for that."""
        if job.status.final:
            return
        if self._crew is not None and self._crew.reactor.here():
            raise EngineError(
                f"{_name(job)}: a watcher cannot wait for its end; cancel it, and remove it when it has ended"
            )
        ended = Lock()
        ended.acquire()
        self._post("watch", job, lambda _, status: ended.release() if status.final else None)
        job.cancelled = True
        self._post("cancel", job)
        grace = job.spec.grace if job.spec is not None else _PATIENCE
        if not ended.acquire(timeout=grace + _PATIENCE):
            raise EngineError(f"{_name(job)} was told to end, and has not ended after {grace + _PATIENCE:g} s")

    def _forget(self, job: Job) -> None:
        if self._jobs.get(job.handle.key) is job:
            del self._jobs[job.handle.key]
        if job.folder is None and job.spec is not None and self._temporary is not None:
            for stream in ("stdout", "stderr"):
                if getattr(job.spec, stream) is None:
                    self._own_file(job, stream).unlink(missing_ok=True)


def _same(same: bool, spec: CommandSpec, key: str) -> None:  # noqa: FBT001 - the question itself
    if not same:
        raise KeyTakenError(f"{spec.name}: another command has the key {key!r}; remove that one, or use another key")


def _name(job: Job) -> str:
    return f"the command {job.handle.key!r}" if job.spec is None else f"{job.spec.name} ({job.handle.key!r})"


def _latin(data: bytes) -> str:
    """Return text for JSON with one character for each byte."""
    return data.decode("latin-1")


def _delete(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


#: Those of this process. Not state that anything depends on: a list of what a forked copy must close.
_engines: weakref.WeakSet[ProcessEngine] = weakref.WeakSet()


def _close_in_forked_copy() -> None:
    for engine in list(_engines):
        if engine._crew is not None:  # noqa: SLF001 - our own class
            engine._crew.close_in_forked_copy()  # noqa: SLF001 - likewise


os.register_at_fork(after_in_child=_close_in_forked_copy)
