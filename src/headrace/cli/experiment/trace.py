"""`headrace experiment trace`: what a resource recorded, as far as it is on this machine."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli.experiment.record import read_record
from headrace.cli.history.output import print_json
from headrace.cli.history.place import CannotDo
from headrace.experiments.errors import TraceError
from headrace.experiments.facts import read_facts
from headrace.experiments.trace import TraceAttr, read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.cli.experiment.place import Place
    from headrace.cli.experiment.record import Resource

__all__ = ["find_trace", "traces_of", "write_trace"]

#: What resources keep for later controllers, and no traces.
_KEPT = frozenset({"facts.json"})


def write_trace(  # noqa: PLR0917 - as the options
    place: Place,
    which: str,
    name: str | None,
    attr: TraceAttr,
    block: int,
    offset: int,
    journal: str | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Write a trace to stdout, byte for byte; or where it is, or its size. Without a name: which there are.

    Raises:
        CannotDo: there is no such resource, or there are no traces by that name.
        TraceError: it is not on this machine, or cannot be read.
    """
    one = read_record(place, journal).find(which)
    if name is None:
        found = sorted(traces_of(place, one).items())
        if as_json:
            print_json([{"name": each, "path": str(path), "size": path.stat().st_size} for each, path in found])
        else:
            sys.stdout.writelines(f"{each}\t{path.stat().st_size}\t{path}\n" for each, path in found)
        return 0
    path = find_trace(place, one, name)
    if as_json:
        text = read_trace(path, attr, block, offset)
        print_json({"name": name, "path": str(path), "size": path.stat().st_size, "content": str(text)})
    elif attr is TraceAttr.ALL:
        _copy(path)
    else:
        text = str(read_trace(path, attr, block, offset))
        sys.stdout.write(text if attr is TraceAttr.STREAM else f"{text}\n")
    return 0


def find_trace(place: Place, one: Resource, name: str) -> Path:
    """Return the file of a trace.

    Raises:
        CannotDo: the name is none of a file.
        TraceError: there is none on this machine; the message says what there is.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise CannotDo(f"{name!r} is no trace's name: that is the name of a file, without folders")
    found = traces_of(place, one)
    if name in found:
        return found[name]
    there = ", ".join(sorted(found)) or "none"
    raise TraceError(
        f"trace {name} of {one} is not on this machine: nothing has been recorded so far, or it is on another host and "
        f"was not collected; here there are: {there}"
    )


def traces_of(place: Place, one: Resource) -> dict[str, Path]:
    """Return the files of a resource's traces that are on this machine, by name.

    They are in its own folder in the run's, or were copied into the run's by a Collector, or are where its process ran.
    """
    found: dict[str, Path] = {}
    for folder in (_process_folder(place, one), place.run_dir / str(one.guid)):
        if folder is not None and folder.is_dir():
            found |= {file.name: file for file in folder.iterdir() if file.is_file() and _is_trace(file.name)}
    for file in _collected(place, one):
        found.setdefault(file.name.partition(".")[2], file)
    return found


def _is_trace(name: str) -> bool:
    return name not in _KEPT and not name.startswith(".")


def _collected(place: Place, one: Resource) -> Iterator[Path]:
    for file in sorted(place.run_dir.rglob(f"{one.guid}.*")):
        if file.is_file() and file.parent.name != str(one.guid):
            yield file


def _process_folder(place: Place, one: Resource) -> Path | None:
    """Where an application of this machine has its files: in a folder that is named for the run."""
    try:
        process = read_facts(place.run_dir, one.guid).get("process")
    except (OSError, json.JSONDecodeError):
        return None
    directory = process.get("directory") if isinstance(process, dict) else None
    folder = Path(directory).parent if isinstance(directory, str) else None
    return folder if folder is not None and folder.name == place.run_id and folder.is_absolute() else None


def _copy(path: Path) -> None:
    try:
        with path.open("rb") as file:
            sys.stdout.flush()
            binary = getattr(sys.stdout, "buffer", None)
            if binary is None:
                sys.stdout.write(file.read().decode(errors="replace"))
            else:
                shutil.copyfileobj(file, binary)
                binary.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TraceError(f"the trace {path} cannot be read: {error.strerror or error}") from error
