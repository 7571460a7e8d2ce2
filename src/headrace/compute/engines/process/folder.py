"""The folder of a command that outlives its owner, as its owners see it.

Its supervisor's side, and what the files mean, is `headrace.compute.engines.process.supervision.record`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from headrace.compute.engines.base import EngineError, Inherit, JobState, Output, Status
from headrace.compute.engines.process.report import status_from
from headrace.compute.engines.process.supervision.identity import boot_id
from headrace.compute.engines.process.supervision.record import LOCK, PROCESS, SPEC, STATUS, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from headrace.compute.engines.base import CommandSpec

__all__ = ["Folder", "Intent", "Look", "digest_of", "folders_in"]

_PREFIX = "job-"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Intent:
    """What was written before anything was started."""

    key: str
    id: str
    #: Of the whole spec: two that differ have two.
    digest: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a folder says."""

    status: Status
    #: No supervisor has ever had it, nor has one now.
    never_started: bool = False
    #: The supervisor that is at work, by process id and start time, if it has said so.
    supervisor: tuple[int, int] | None = None


class Folder:
    """The folder of one key. Nothing is read or made before it is asked for."""

    def __init__(self, directory: Path, key: str) -> None:
        self._directory = directory
        self._key = key
        self.path = directory / _folder_name(key)

    def create(self, spec: CommandSpec, identity: str) -> Intent:
        """Write the intent, on the disk on return; or return the one that is there, if there is one.

        Raises:
            EngineError: it cannot be written, or what is there cannot be read.
        """
        if (found := self.intent()) is not None:
            return found
        intent = Intent(self._key, identity, digest_of(spec))
        new = self._directory / f".new-{uuid.uuid4().hex}"
        try:
            new.mkdir(mode=0o700)
            try:
                self._write_intent(new, intent, spec)
                new.rename(self.path)  # Fails if there is one that is not empty: then another was quicker.
            except OSError:
                shutil.rmtree(new, ignore_errors=True)
                if (found := self.intent()) is not None:
                    return found
                raise
            with _opened(self._directory) as fd:
                os.fsync(fd)
        except OSError as error:
            raise EngineError(f"{spec.name}: {self.path} cannot be written: {error.strerror or error}") from error
        return intent

    def intent(self) -> Intent | None:
        """Return the intent that is there; None without one.

        Raises:
            EngineError: there is one that cannot be read.
        """
        try:
            found = json.loads((self.path / SPEC).read_text(encoding="ascii"))
            return Intent(str(found["key"]), str(found["id"]), str(found["digest"]))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise EngineError(f"{self.path / SPEC} cannot be read: {error}") from error

    def look(self) -> Look:
        """Return what the folder says now."""
        if (ended := self._end()) is not None:
            return Look(ended)
        with self._lock(fcntl.LOCK_SH) as held_by_nobody:
            if held_by_nobody:
                return self._look_alone()
        process = self._process()
        if process is None:
            return Look(Status(state=JobState.submitted))
        pid, start = process.get("pid"), process.get("start")
        supervisor = None
        if process.get("boot") == boot_id() and isinstance(pid, int) and isinstance(start, int):
            supervisor = pid, start
        if process.get("command") is None:
            return Look(Status(state=JobState.submitted), supervisor=supervisor)
        status = Status(state=JobState.running, pid=process["command"], started=process.get("started"))
        return Look(status, supervisor=supervisor)

    def settle(self, status: Status) -> bool:
        """Write down the end of a command that was never started, so that it never is.

        Return False, and write nothing, if it was started, or somebody holds the lock: a supervisor that is about to
        start it, or, for a moment, whoever looks.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock(fcntl.LOCK_EX) as ours:
            if not ours:
                return False
            look = self._look_alone()
            if look.never_started:
                fields = {"state": status.state.name, "reason": status.reason, "errno": status.errno}
                with _opened(self.path) as fd:
                    write_whole(fd, STATUS, {**fields, "ended": status.ended})
            return look.never_started

    def delete(self) -> None:
        """Delete it with all that is in it. Nothing if it is not there.

        Raises:
            EngineError: it cannot be deleted; what is left of it has no key.
        """
        gone = self._directory / f".gone-{uuid.uuid4().hex}"
        try:
            self.path.rename(gone)
            shutil.rmtree(gone)
        except FileNotFoundError:
            return
        except OSError as error:
            raise EngineError(f"{self.path} cannot be deleted: {error}") from error

    def _look_alone(self) -> Look:
        """The same as `look`, while no supervisor is at work."""
        if (ended := self._end()) is not None:
            return Look(ended)
        process = self._process()
        if process is None and not (self.path / SPEC).exists():
            return Look(Status(state=JobState.lost, reason=f"{self.path} was removed by somebody else"))
        if process is None:
            return Look(Status(state=JobState.submitted), never_started=True)
        reason = f"its supervisor (process {process.get('pid')}) ended without a word of how the command did"
        pid, started = process.get("command"), process.get("started")
        return Look(Status(state=JobState.lost, reason=reason, pid=pid, started=started))

    def _end(self) -> Status | None:
        path = self.path / STATUS
        try:
            return status_from(json.loads(path.read_text(encoding="ascii")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return Status(state=JobState.lost, reason=f"{path} cannot be read: {error}")

    def _process(self) -> dict[str, Any] | None:
        path = self.path / PROCESS
        try:
            found = json.loads(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def _lock(self, kind: int) -> Iterator[bool]:
        """Whether the lock was free. It is held meanwhile, if so."""
        try:
            fd = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:  # The folder is gone.
            yield True
            return
        try:
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)

    @staticmethod
    def _write_intent(folder: Path, intent: Intent, spec: CommandSpec) -> None:
        # For people, and for recovery. The values of variables may be secrets; the digest tells them apart.
        shown = {**_plain(spec), "env": None if spec.env is None else sorted(map(str, spec.env))}
        content = {"key": intent.key, "id": intent.id, "digest": intent.digest, "spec": shown}
        with (folder / SPEC).open("x", encoding="ascii") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())


def folders_in(directory: Path) -> list[tuple[Folder, Intent]]:
    """Return what a directory holds, each with its intent, in the order of their folders' names.

    Raises:
        EngineError: one cannot be read.
    """
    try:
        names = sorted(entry.name for entry in directory.iterdir() if entry.name.startswith(_PREFIX))
    except OSError as error:
        raise EngineError(f"{directory} cannot be read: {error}") from error
    found = []
    for name in names:
        folder = Folder(directory, "")
        folder.path = directory / name
        if (intent := folder.intent()) is not None:
            found.append((Folder(directory, intent.key), intent))
    return found


def digest_of(spec: CommandSpec) -> str:
    """Return a text that two specs have in common only if they are equal."""
    return hashlib.sha256(json.dumps(_plain(spec), sort_keys=True).encode("ascii")).hexdigest()


def _plain(spec: CommandSpec) -> dict[str, Any]:
    resources = spec.resources
    return {
        "argv": list(spec.argv),
        "name": spec.name,
        "cwd": None if spec.cwd is None else os.fspath(spec.cwd),
        "env": None if spec.env is None else dict(spec.env),
        "stdin": None if spec.stdin is None else os.fspath(spec.stdin),
        "stdout": _plain_output(spec.stdout),
        "stderr": _plain_output(spec.stderr),
        "resources": None if resources is None else [resources.cores, resources.memory, resources.gpus],
        "walltime": spec.walltime,
        "grace": spec.grace,
        "orphan": spec.orphan,
        "options": dict(spec.options),
    }


def _plain_output(output: Output | Inherit | None) -> object:
    if isinstance(output, Output):
        return {"path": os.fspath(output.path), "mode": output.mode}
    return None if output is None else "inherited"


def _folder_name(key: str) -> str:
    name = _PREFIX + quote(key.encode(errors="surrogatepass"), safe="")
    if len(name) > _LONGEST:
        # Quoting makes no "%-", so no other key has such a name.
        return f"{name[:100].rstrip('%')}%-{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
    return name


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)
