"""Files of a host: put, fetched, read, removed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import posixpath
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.experiments.hosts import shell
from headrace.experiments.hosts.errors import FileNotThere, FileProblem, OutsideBase, TransferFailed
from headrace.experiments.hosts.scripted import ScriptedHost
from headrace.experiments.hosts.values import tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.hosts.scripted import Found
    from headrace.experiments.hosts.values import Completed

__all__ = ["HostFiles"]

#: The exit codes of ``files.sh``.
_NOT_THERE, _DAMAGED, _OUTSIDE = 4, 5, 6
#: How many files are on their way at once.
_AT_ONCE = 4
#: How many files the host is told of at once.
_BATCH = 1000
_SCRIPT = "files.sh"


@dataclass(frozen=True, slots=True)
class _LocalFile:
    """A file to send: its path relative to what is sent ("" is that itself), and what it holds."""

    local: Path
    path: str
    mode: int
    checksum: str
    size: int


class HostFiles(ScriptedHost):
    """What a host does with files. See `Host` for what holds."""

    async def put(self, local: Path, remote: str) -> bool:
        """Copy a file or a folder to the host. See `Host.put`."""
        path = _absolute(remote)
        try:
            folders, files = await asyncio.to_thread(_contents, Path(local))
        except OSError as error:
            raise FileProblem(self._name, f"{local} cannot be read here: {error.strerror or error}") from error
        targets = {posixpath.join(path, each.path) if each.path else path: each for each in files}
        parents = sorted(
            {posixpath.dirname(each) for each in targets} | {posixpath.join(path, each) for each in folders}
        )
        await self._make(parents)
        there = await self._checksums({target: each.size for target, each in targets.items()})
        missing = {
            target: (each, posixpath.join(posixpath.dirname(target), f".headrace-{uuid.uuid4().hex}"))
            for (target, each), checksum in zip(targets.items(), there, strict=True)
            if checksum != each.checksum
        }
        if missing:
            try:
                await self._send_all([(each.local, temporary) for each, temporary in missing.values()])
                await self._commit(missing)
            except FileProblem:
                leftovers = [temporary for _, temporary in missing.values()]
                await self._script(shell.words("rm", "-f", "--", *leftovers) + "\n")
                raise
        return bool(missing)

    async def _make(self, folders: Sequence[str]) -> None:
        for some in _batches(folders):
            made = "".join(f"{shell.words('mkdir', '-p', '--', each)} || exit 3\n" for each in some)
            self._check_files(await self._script(made), some[0])

    async def _checksums(self, files: Mapping[str, int]) -> list[str]:
        """Return the checksums of what is in the place of files of these sizes; "-" where nothing is."""
        found = []
        for some in _batches([*files]):
            text = shell.call(_SCRIPT, "checksums", *some)
            done = await self._script(text, more=_reading(sum(files[each] for each in some)))
            self._check_files(done, some[0])
            found += done.out.split()
        return found

    async def _send_all(self, transfers: Sequence[tuple[Path, str]]) -> None:
        room = asyncio.Semaphore(_AT_ONCE)

        async def send(local: Path, temporary: str) -> None:
            async with room:
                await self._send(local, temporary)

        try:
            async with asyncio.TaskGroup() as group:
                for each in transfers:
                    group.create_task(send(*each))
        except ExceptionGroup as errors:
            raise _first(errors) from errors

    async def _commit(self, missing: Mapping[str, tuple[_LocalFile, str]]) -> None:
        """Put what has arrived in its place."""
        for some in _batches([*missing]):
            text, bytes_in_all = shell.call(_SCRIPT, ":"), 0
            for target in some:
                each, temporary = missing[target]
                text += shell.words("commit", each.checksum, f"{each.mode:o}", temporary, target) + "\n"
                bytes_in_all += each.size
            done = await self._script(text, more=_reading(bytes_in_all))
            self._check_files(done, some[0] if len(some) == 1 else f"{len(some)} files")

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file or a folder from the host. See `Host.get`."""
        path = _absolute(remote)
        found = await self._list(path)
        room = asyncio.Semaphore(_AT_ONCE)

        async def fetch(each: Found) -> None:
            async with room:
                await self._fetch_whole(
                    posixpath.join(path, each.path) if each.path else path, _below(local, each), each
                )

        for each in found:
            if each.folder:
                _below(local, each).mkdir(parents=True, exist_ok=True)
        try:
            async with asyncio.TaskGroup() as group:
                for each in found:
                    if not each.folder:
                        group.create_task(fetch(each))
        except ExceptionGroup as errors:
            raise _first(errors) from errors

    async def _fetch_whole(self, remote: str, local: Path, found: Found) -> None:
        temporary = local.with_name(f".headrace-{uuid.uuid4().hex}")
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            await self._fetch(remote, temporary)
            temporary.chmod(found.mode & 0o777)
            temporary.replace(local)
        except OSError as error:
            raise FileProblem(self._name, f"{local} cannot be written here: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)

    async def read(self, remote: str, offset: int = 0, size: int = -1) -> bytes:
        """Return a part of a file. See `Host.read`."""
        return await self._read(_absolute(remote), offset, size)

    async def size(self, remote: str) -> int:
        """Return the size of a file. See `Host.size`."""
        done = await self._script(shell.call(_SCRIPT, "size", _absolute(remote)))
        self._check_files(done, remote)
        return int(done.out)

    async def write_text(self, remote: str, text: str, mode: int = 0o644) -> None:
        """Write a file as a whole. See `Host.write_text`."""
        path = _absolute(remote)
        done = await self._script(shell.call(_SCRIPT, "write", posixpath.dirname(path), path, f"{mode:o}", text))
        self._check_files(done, remote)

    async def make_directory(self, *remote: str) -> None:
        """Make folders, and those that they are in. See `Host.make_directory`."""
        if remote:
            text = shell.words("mkdir", "-p", "--", *map(_absolute, remote)) + "\n"
            self._check_files(await self._script(text), ", ".join(remote))

    async def remove_tree(self, remote: str) -> None:
        """Remove what is at a path below the base folder. See `Host.remove_tree`."""
        path = _absolute(remote)
        base = (await self.connect()).base
        folder, name = posixpath.split(path)
        if not path.startswith(base.rstrip("/") + "/"):
            raise OutsideBase(self._name, f"{remote} is not removed: it is not below {base}, the host's base folder")
        done = await self._script(shell.call(_SCRIPT, "erase", base, folder, name))
        if done.exit_code == _OUTSIDE:
            raise OutsideBase(self._name, f"{remote} is not removed: {tail(done.stderr)}, which is not below {base}")
        self._check_files(done, remote)

    def _check_files(self, done: Completed, path: str) -> None:
        match done.exit_code:
            case 0:
                return
            case code if code == _NOT_THERE:
                raise FileNotThere(self._name, f"there is no file {path}")
            case _:
                kind = TransferFailed if done.exit_code == _DAMAGED else FileProblem
                raise kind(self._name, f"{path}: {tail(done.stderr) or done.how}")


def _absolute(path: str) -> str:
    """Return a path of the host without "..", "." and double slashes."""
    if not path.startswith("/"):
        raise ValueError(f"a path on a host must be absolute, and {path!r} is not")
    return posixpath.normpath("/" + path.lstrip("/"))


def _batches(paths: Sequence[str]) -> list[Sequence[str]]:
    return [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]


def _reading(size: int) -> float:
    """Return how many seconds a slow disk may take to read so many bytes."""
    return size / 2e7


def _below(local: Path, found: Found) -> Path:
    return local.joinpath(*found.path.split("/")) if found.path else local


def _contents(local: Path) -> tuple[list[str], list[_LocalFile]]:
    """Return the folders and files at a path, as paths relative to it; links to folders are left out."""
    if not local.is_dir():
        return [], [_local_file(local, "")]
    folders, files = [""], []
    for place, inner, names in os.walk(local):
        relative = Path(place).relative_to(local).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        folders += [prefix + each for each in inner if not (Path(place) / each).is_symlink()]
        files += [_local_file(Path(place) / each, prefix + each) for each in names]
    return folders, files


def _local_file(local: Path, path: str) -> _LocalFile:
    with local.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    status = local.stat()
    return _LocalFile(local, path, status.st_mode & 0o777, checksum, status.st_size)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of the errors of tasks that were given up together."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
