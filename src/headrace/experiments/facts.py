"""What resources have said that a later controller must know, in one file each."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read_facts", "write_facts"]

_NAME = "facts.json"


def read_facts(run_dir: Path, guid: int) -> dict[str, Any]:
    """Return the facts of a resource; none if it has said none.

    Raises:
        OSError: they cannot be read.
        ValueError: the file is none that `write_facts` wrote.
    """
    try:
        text = (run_dir / str(guid) / _NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    facts: dict[str, Any] = json.loads(text)
    return facts


def write_facts(run_dir: Path, guid: int, facts: Mapping[str, Any]) -> None:
    """Write the facts of a resource; they are on disk on return, and never half there.

    Raises:
        OSError: they cannot be written.
        TypeError: they are not what JSON can say.
    """
    text = json.dumps(facts)
    folder = run_dir / str(guid)
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{_NAME}.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / _NAME)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
