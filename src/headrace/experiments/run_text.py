"""The text of a run's file, made anew from what has changed."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from headrace.experiments.describing import describe_connections, describe_frame, describe_resource
from headrace.experiments.notation import resource_to_plain, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.experiments.saved import Saved

__all__ = ["CONNECTIONS", "RunText"]

#: Stands for the connections, where guids stand for resources.
CONNECTIONS: Final = 0

_NEXT: Final = ",\n"


class RunText:
    """Writes an experiment's description and what else is kept of its run, as JSON.

    The parts that are many, resources and connections, are kept as text until they change: a program may deploy a
    thousand resources one by one, and each time the file is to be whole.

    Args:
        ec: the experiment.
        kept: what is kept beside the description.
    """

    def __init__(self, ec: Saved, kept: Callable[[], dict[str, Any]]) -> None:
        self._ec = ec
        self._kept = kept
        self._numbers = count(1)
        #: The number of the last change of each part; and the text of each, with the number that it was made after.
        self._changes: dict[int, int] = {}
        self._texts: dict[int, tuple[int, str]] = {}

    def changed(self, parts: tuple[int, ...]) -> None:
        """Take note that resources, by guid, or `CONNECTIONS` have changed. May be called by any thread."""
        for part in parts:
            self._changes[part] = next(self._numbers)

    def text(self) -> str:
        """Return the whole text. Raises DescriptionError."""
        ec = self._ec
        top = to_plain(describe_frame(ec))
        del top["resources"]
        top["run"] = self._kept()
        frame = json.dumps(top, allow_nan=False)
        managers = tuple(ec._resources.values())  # noqa: SLF001 - a part of it
        resources = [
            self._part(each.guid, lambda each=each: resource_to_plain(describe_resource(ec, each, strict=False)))  # type: ignore[misc]  # bound
            for each in managers
        ]
        pairs = self._part(CONNECTIONS, lambda: [list(pair) for pair in describe_connections(ec)])
        for gone in self._texts.keys() - {CONNECTIONS, *(each.guid for each in managers)}:
            self._texts.pop(gone, None)
        return f'{frame[:-1]}, "connections": {pairs}, "resources": [\n{_NEXT.join(resources)}\n]}}\n'

    def _part(self, part: int, make: Callable[[], Any]) -> str:
        # Asked for before it is looked at: what changes meanwhile is made once more.
        change = self._changes.get(part, 0)
        kept = self._texts.get(part)
        if kept is None or kept[0] != change:
            kept = self._texts[part] = (change, json.dumps(make(), allow_nan=False))
        return kept[1]
